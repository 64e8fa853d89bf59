"""Put events, faces and health into MQTT payloads: pure functions.

Each JSON that speaks of a frame carries its `captured_ns`, so that a subscriber can tell how old it is.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from facewire.health import Health
from facewire.messages import FaceEvent, Tracks
from iot_bridge.topics import Publication, Topics
from iot_bridge.version import installed

NS_PER_S = 1_000_000_000
NO_ENTRY = (0, 0)
ENTRY_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
LONGEST_NAME = 128
LARGEST_STORED_BYTES = 4096
TOLERANCE_NS = 60 * NS_PER_S


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
    return [picture_publication(topics.of(event.camera, "snapshot"), event.snapshot, retain=True), told]


def picture_publication(topic: str, picture: bytes, *, retain: bool = False) -> Publication:
    """Return the message of a JPEG, which is made smaller where the broker takes less."""

    def shrink(most_bytes: int) -> bytes | None:
        from iot_bridge import stills  # noqa: PLC0415  who wants no pictures does without Pillow

        return stills.shrunk(picture, most_bytes)

    return Publication(topic, picture, retain, shrink)


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


class StoredFace(msgspec.Struct, frozen=True):
    """A last face as a broker keeps it; whoever may publish there can have put anything in its place."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    at: Annotated[str, msgspec.Meta(max_length=64)]
    at_ns: Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]
    track_id: Annotated[int, msgspec.Meta(ge=0)]
    similarity: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None
    entry_id: Annotated[str, msgspec.Meta(max_length=64)] = ""


def is_plausible(at_ns: int, now_ns: int) -> bool:
    """Say whether something may have happened at a time: not later than now, but for clocks that differ a little."""
    return at_ns <= now_ns + TOLERANCE_NS


def remembered_face(payload: bytes) -> tuple[int, str] | None:
    """Return when a face was named by what `last_face` said, and the same text; None if it is no such text."""
    if len(payload) > LARGEST_STORED_BYTES:
        return None
    try:
        stored = msgspec.json.decode(payload, type=StoredFace)
        fields = {**msgspec.to_builtins(stored), "at": when(stored.at_ns)}
        if not stored.entry_id:
            del fields["entry_id"]
    except (ValueError, OverflowError, OSError, RecursionError):
        return None
    return stored.at_ns, packed(fields).decode()


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

    def shrink(most_bytes: int) -> bytes:
        # The largest faces are nearest.
        rest = sorted(faces, key=lambda face: _area(face["xyxy"]), reverse=True)
        while len(smaller := packed({**fields, "faces": rest, "left_out": len(faces) - len(rest)})) > most_bytes:
            rest = rest[: len(rest) * 3 // 4]
            if not rest:
                break
        return smaller

    return Publication(topics.of(tracks.camera, "faces"), packed(fields), shrink=shrink)


def _area(xyxy: Sequence[float]) -> float:
    left, top, right, bottom = xyxy
    return (right - left) * (bottom - top)


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

    def shrink(most_bytes: int) -> bytes:
        # What ails a service matters more than its figures.
        ails = {name: {key: each[key] for key in ("healthy", "waiting_for")} for name, each in services.items()}
        smaller = packed({**fields, "services": ails})
        return smaller if len(smaller) <= most_bytes else packed({**fields, "services": {}})

    return Publication(topics.health, packed(fields), retain=True, shrink=shrink)
