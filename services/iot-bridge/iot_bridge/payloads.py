"""Put events, faces and health into MQTT payloads: pure functions.

Each JSON that speaks of a frame carries its `captured_ns`, so that a subscriber can tell how old it is.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from facewire.health import Health
from facewire.messages import FaceEvent, Tracks
from iot_bridge.topics import Publication, Topics
from iot_bridge.version import installed

NS_PER_S = 1_000_000_000
NO_ENTRY = (0, 0)
ENTRY_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")


def packed(fields: dict[str, Any]) -> bytes:
    """Return compact JSON."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def event_fields(event: FaceEvent) -> dict[str, Any]:
    """Return what is told of an event, its picture aside."""
    fields: dict[str, Any] = {
        "event_type": event.type,
        "id": event.id,
        "camera": event.camera,
        "track_id": event.track_id,
        "identity": msgspec.to_builtins(event.identity),
        "started_ns": event.started_ns,
        "at_ns": event.at_ns,
        "captured_ns": event.at_ns,
    }
    places = {"zone": event.zone, "line": event.line, "direction": event.direction, "dwell_s": event.dwell_s}
    fields |= {name: place for name, place in places.items() if place is not None}
    return fields | ({"zones": event.zones} if event.zones else {})


def event_publications(event: FaceEvent, topics: Topics) -> list[Publication]:
    """Return what an event gives rise to: its picture first, so that who hears of the event finds it.

    An event is never retained: who comes later must not act on it.
    """
    told = Publication(topics.of(event.camera, "event"), packed(event_fields(event)))
    if event.snapshot is None:
        return [told]
    return [Publication(topics.of(event.camera, "snapshot"), event.snapshot, retain=True), told]


def when(at_ns: int) -> str:
    """Return a moment as Home Assistant shows it: ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ns / NS_PER_S, UTC).isoformat(timespec="milliseconds")


def last_face(event: FaceEvent, entry_id: str = "") -> str:
    """Return the `last_face` payload of an event and its stream id."""
    who = event.identity
    fields = {
        "name": who.name if who else "unknown",
        "at": when(event.at_ns),
        "at_ns": event.at_ns,
        "track_id": event.track_id,
        "similarity": who.similarity if who else None,
    }
    return packed(fields | ({"entry_id": entry_id} if entry_id else {})).decode()


def parse_entry(entry_id: object) -> tuple[int, int]:
    """Parse a stream entry id; `NO_ENTRY` if it is invalid."""
    found = ENTRY_ID.fullmatch(entry_id) if isinstance(entry_id, str) else None
    return (int(found[1]), int(found[2])) if found else NO_ENTRY


def remembered_entry(payload: bytes) -> tuple[int, int]:
    """Return the stream entry id in a `last_face` payload, or `NO_ENTRY`."""
    try:
        return parse_entry(json.loads(payload).get("entry_id"))
    except (ValueError, AttributeError, RecursionError):
        return NO_ENTRY


def remembered_face(payload: bytes) -> tuple[int, str] | None:
    """Return when a face was named by what `last_face` said, and the same text; None if it is no such text."""
    try:
        at_ns: Any = json.loads(payload)["at_ns"]
        return int(at_ns), payload.decode()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def faces_publication(tracks: Tracks, topics: Topics) -> Publication:
    """Say where each face is that counts."""
    faces = [
        {
            "id": track.id,
            "xyxy": track.xyxy,
            "score": round(track.score, 3),
            "state": track.state,
            "velocity": track.velocity,
            "identity": msgspec.to_builtins(track.identity),
            "zones": track.zones,
        }
        for track in tracks.tracks
        if track.state != "tentative"
    ]
    fields = {"camera": tracks.camera, "seq": tracks.seq, "captured_ns": tracks.captured_ns, "faces": faces}
    return Publication(topics.of(tracks.camera, "faces"), packed(fields))


def health_publication(healths: Sequence[Health], known: Iterable[str], topics: Topics) -> Publication:
    """Say how every service fares; one of the known that is silent is ill."""
    services: dict[str, dict[str, Any]] = {
        name: {"healthy": False, "waiting_for": "its heartbeat"} for name in sorted(known)
    }
    for health in healths:
        fares = {"healthy": health.healthy, "waiting_for": health.waiting_for}
        services[health.service] = {**health.figures, **health.notes, **fares}
    figures = [health.figures for health in healths]
    fields = {
        "healthy": bool(services) and all(each["healthy"] for each in services.values()),
        "version": installed(),
        # Pages that processes share count in each of them.
        "memory_mb": round(sum(each.get("memory_mb", 0.0) for each in figures), 1),
        "dropped": int(sum(each.get("dropped", 0) for each in figures)),
        "temperature_c": max((each["hottest_c"] for each in figures if "hottest_c" in each), default=None),
        "services": services,
    }
    return Publication(topics.health, packed(fields), retain=True)
