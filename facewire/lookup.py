"""Look single entries up: the frame of a seq, the newest frame and tracks, the latest events, one event."""

from dataclasses import dataclass
from typing import Any

import redis

from facewire import codec, keys
from facewire.audit import Decision
from facewire.messages import FaceEvent, Frame, Tracks
from facewire.streams import Entry


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and the id under which the store keeps it."""

    entry_id: str
    event: FaceEvent


def frame(client: redis.Redis, camera: str, seq: int) -> Frame | None:
    """Return the frame of a seq; None if it is no longer there."""
    entry_id = f"{seq}-0"
    entries: Any = client.xrange(keys.FRAMES.key(camera), entry_id, entry_id)
    return _frame(entries)


def newest_frame(client: redis.Redis, camera: str) -> Frame | None:
    """Return the newest frame of a camera; None if there is none."""
    entries: Any = client.xrevrange(keys.FRAMES.key(camera), count=1)
    return _frame(entries)


def newest_tracks(client: redis.Redis, camera: str) -> Tracks | None:
    """Return the newest tracks of a camera; None if there are none."""
    entries: Any = client.xrevrange(keys.TRACKS.key(camera), count=1)
    try:
        return codec.decode(entries[0][1][keys.FIELD], Tracks) if entries else None
    except (codec.RejectedMessageError, KeyError):
        return None


def latest_events(client: redis.Redis, count: int) -> list[StoredEvent]:
    """Return the latest events, newest first."""
    return _stored(raw_events(client, "+", count))


def raw_events(client: redis.Redis, end: str, count: int) -> list[Entry]:
    """Return events as they stand there, from an id backwards; `(` before it leaves out that one, `+` is the newest.

    Older ones have no picture any more.
    """
    entries: Any = client.xrevrange(keys.EVENTS.key(), max=end, count=count)
    if len(entries) == count:
        return list(entries)
    older = f"({entries[-1][0].decode()}" if entries else end
    history: Any = client.xrevrange(keys.HISTORY.key(), max=older, count=count - len(entries))
    return [*entries, *history]


def latest_decisions(client: redis.Redis, count: int) -> list[tuple[str, Decision]]:
    """Return the latest decisions about locks, newest first, each with the id under which the store keeps it."""
    entries: Any = client.xrevrange(keys.AUDIT.key(), count=count)
    found = []
    for entry_id, fields in entries:
        try:
            found.append((entry_id.decode(), codec.decode(fields[keys.FIELD], Decision)))
        except (codec.RejectedMessageError, KeyError):
            continue
    return found


def event(client: redis.Redis, entry_id: str) -> StoredEvent | None:
    """Return the event that the store keeps under an id, which must be a full entry id; None if there is none."""
    entries: Any = client.xrange(keys.EVENTS.key(), entry_id, entry_id)
    entries = entries or client.xrange(keys.HISTORY.key(), entry_id, entry_id)
    return next(iter(_stored(entries)), None)


def _frame(entries: Any) -> Frame | None:  # noqa: ANN401  redis-py does not say
    try:
        return codec.decode(entries[0][1][keys.FIELD], Frame) if entries else None
    except (codec.RejectedMessageError, KeyError):
        return None


def _stored(entries: Any) -> list[StoredEvent]:  # noqa: ANN401  redis-py does not say
    found = []
    for entry_id, fields in entries:
        try:
            found.append(StoredEvent(entry_id.decode(), codec.decode(fields[keys.FIELD], FaceEvent)))
        except (codec.RejectedMessageError, KeyError):
            continue
    return found
