"""Capture as a process, how long the file is that it plays, and what it puts on the bus."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import redis

from facewire import keys
from facewire.codec import decode
from facewire.messages import Frame
from tests.integration.door import entries
from tests.processes import Running, service

FILE_FPS = 30
FILE_FRAMES = 20


def capturing(folder: Path, bus_url: str, **settings: str) -> AbstractContextManager[Running]:
    return service("capture", folder, BUS_URL=bus_url, **settings)


def newest(bus: redis.Redis, camera: str = "camera") -> int:
    entries: Any = bus.xrevrange(keys.FRAMES.key(camera), count=1)
    return int(entries[0][0].partition(b"-")[0]) if entries else 0


def follow(bus: redis.Redis, count: int, camera: str = "camera", after: str = "$") -> list[Frame]:
    """Return the next frames, one by one as they come."""
    frames: list[Frame] = []
    while len(frames) < count:
        for entry_id, fields in entries(bus, keys.FRAMES.key(camera), after, f"a frame after {len(frames)}"):
            after = entry_id
            frames.append(decode(fields[keys.FIELD], Frame))
    return frames[:count]
