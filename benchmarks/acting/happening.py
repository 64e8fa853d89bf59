"""Events and people for a home without cameras."""

import time
from dataclasses import dataclass
from typing import Any

import redis

from facewire import keys
from facewire.codec import encode
from facewire.messages import FaceEvent

CAMERA = "door"
# As large as the snapshot of a face usually is.
SNAPSHOT = b"\xff\xd8" + bytes(4000) + b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Told:
    """An event that was put into the store, and when (the system's monotonic clock)."""

    id: str
    at_ns: int


def tell(store: redis.Redis, number: int) -> Told:
    """Put an event into the store, as the tracker does."""
    now_ns = time.time_ns()
    event = FaceEvent(f"{CAMERA}-{number}-appeared", "appeared", CAMERA, number, None, now_ns, now_ns, SNAPSHOT)
    started_ns = time.monotonic_ns()
    store.xadd(keys.EVENTS.key(), {keys.FIELD: encode(event)}, maxlen=keys.EVENTS.maxlen)
    return Told(event.id, started_ns)


def all_done(store: redis.Redis, count: int) -> bool:
    """Say whether the bridge has acknowledged `count` events and has none at hand."""
    groups: Any = store.xinfo_groups(keys.EVENTS.key()) if store.exists(keys.EVENTS.key()) else ()
    for group in groups:
        if group["name"] == b"iot-bridge":
            return (group["entries-read"] or 0) >= count and not group["pending"]
    return False
