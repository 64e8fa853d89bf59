"""Share the bus's memory among cameras: how many frames of each it keeps, and which cameras have no room."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from facewire import keys

USUAL_LIMIT_BYTES = 256 * 2**20
"""The limit of config/redis/bus.conf: it is presumed where the server does not tell its own."""
RESERVE_SHARE = 0.25
"""Share of the limit that frames never take: for tracks, heartbeats, and clients' output buffers, which count too."""
SPARE_SHARE = 0.125
"""Share of the limit that stays free beside other keys, however many there are: frames give way to them."""
LEAST_FRAMES = 6
"""A camera with fewer is refused: the tracker catches up with five, and the dashboard looks frames up 0.1 s later."""
ARRIVING = 1
"""A frame lies in the bus's memory before the oldest one is removed for it."""
ENTRY_BYTES = 256
"""Size of a frame's entry beside its picture."""
FORGOTTEN_AFTER_S = 3600.0
"""Silence after which the small streams of a camera are deleted, too: somebody may still ask when a face left."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The room that a camera asks for.

    Args:
        camera: the camera.
        picture_bytes: size of one picture.
        since_ns: when it first asked: of cameras that do not all fit, the earlier ones stay.
    """

    camera: str
    picture_bytes: int
    since_ns: int


def allocate(demands: Iterable[Demand], budget_bytes: int) -> dict[str, int]:
    """Return the number of frames that each camera may keep, the same for all, and 0 for those that do not fit."""
    ordered = sorted(demands, key=lambda demand: (demand.since_ns, demand.camera))
    frames, taken_bytes = dict.fromkeys((demand.camera for demand in ordered), 0), 0
    admitted = []
    for demand in ordered:
        size_bytes = allocated_bytes(demand.picture_bytes)
        if (LEAST_FRAMES + ARRIVING) * (taken_bytes + size_bytes) <= budget_bytes:
            taken_bytes += size_bytes
            admitted.append(demand.camera)
    for camera in admitted:
        frames[camera] = min(keys.FRAMES.maxlen, budget_bytes // taken_bytes - ARRIVING)
    return frames


def allocated_bytes(picture_bytes: int) -> int:
    """Return the memory that one frame takes: jemalloc has four sizes for each doubling."""
    size_bytes = picture_bytes + ENTRY_BYTES
    step_bytes = 1 << max(4, (size_bytes - 1).bit_length() - 3)
    return -(-size_bytes // step_bytes) * step_bytes


def demand_of(client: redis.Redis, camera: str) -> Demand | None:
    """Return a camera's demand, of this run or an earlier one."""
    raw: Any = client.hget(keys.FRAME_DEMANDS, camera)
    return None if raw is None else _demand(camera.encode(), raw)


def ask(client: redis.Redis, demands: Iterable[Demand]) -> None:
    """Publish the demands of cameras to every publisher of frames."""
    fields: Any = {demand.camera: f"{demand.picture_bytes} {demand.since_ns}" for demand in demands}
    if fields:
        client.hset(keys.FRAME_DEMANDS, mapping=fields)


def shares(client: redis.Redis, announced: Iterable[str]) -> dict[str, int] | None:
    """Return the number of frames of each camera that may lie on the bus; None if the bus has no limit.

    Args:
        client: the bus.
        announced: the cameras that count; others' demands are removed, and with them their frames.
    """
    demands = _demands(client)
    present = set(announced)
    for gone in demands.keys() - present:
        client.hdel(keys.FRAME_DEMANDS, gone)
        _trim(client, keys.FRAMES.key(gone), 0)
    kept = {camera: demand for camera, demand in demands.items() if camera in present}
    limit_bytes, used_bytes = _memory(client)
    if not limit_bytes:
        return None
    others_bytes = used_bytes - _frames_bytes(client, kept)
    reserve_bytes = max(RESERVE_SHARE * limit_bytes, SPARE_SHARE * limit_bytes + others_bytes)
    return allocate(kept.values(), max(0, round(limit_bytes - reserve_bytes)))


def trim(client: redis.Redis, frames: Mapping[str, int]) -> None:
    """Remove the oldest frames of cameras that may keep fewer than there are: a lost camera publishes none."""
    for camera, kept in frames.items():
        _trim(client, keys.FRAMES.key(camera), kept)


def forget(client: redis.Redis, now_s: float, present: Collection[str]) -> None:
    """Delete the keys of cameras unannounced for an hour, and frames without a demand.

    Args:
        client: the bus.
        now_s: unix time.
        present: cameras that are there, whatever a clock that jumped makes of their announcements.
    """
    known: Any = client.zrange(keys.CAMERAS, 0, -1, withscores=True)
    silent_s = {name: now_s - at_s for name, at_s in known if name.decode(errors="replace") not in present}
    for name in (name for name, lasted_s in silent_s.items() if lasted_s > FORGOTTEN_AFTER_S):
        streams = (keys.FRAMES, keys.DETECTIONS, keys.TRACKS, keys.WISHES, keys.IDENTITIES)
        client.delete(*(stream.prefix.encode() + b":" + name for stream in streams))
        client.zrem(keys.CAMERAS, name)
    named = {name for name, _ in known}
    for key in _frame_streams(client):
        if key.partition(b":")[2] not in named:
            _trim(client, key, 0)


def relieve(client: redis.Redis) -> bool:
    """Remove the older half of all frames from a bus that is full; False if there are none."""
    removed = 0
    for key in _frame_streams(client):
        length: Any = client.xlen(key)
        removed += _trim(client, key, length // 2)
    return removed > 0


def _frame_streams(client: redis.Redis) -> list[bytes]:
    found: Any = client.scan_iter(keys.FRAMES.key("*"), count=1000, _type="stream")
    return list(found)


def _trim(client: redis.Redis, key: str | bytes, kept: int) -> int:
    removed: Any = client.xtrim(key, maxlen=kept, approximate=False)
    return int(removed)


def _frames_bytes(client: redis.Redis, demands: Mapping[str, Demand]) -> int:
    lengths: Any = {camera: client.xlen(keys.FRAMES.key(camera)) for camera in demands}
    return sum(length * allocated_bytes(demands[camera].picture_bytes) for camera, length in lengths.items())


def _demands(client: redis.Redis) -> dict[str, Demand]:
    fields: Any = client.hgetall(keys.FRAME_DEMANDS)
    found = (_demand(name, raw) for name, raw in fields.items())
    return {demand.camera: demand for demand in found if demand is not None}


def _demand(name: bytes, raw: bytes) -> Demand | None:
    size, _, since = raw.partition(b" ")
    if not (size.isdigit() and since.isdigit()):
        return None
    return Demand(name.decode(errors="replace"), int(size), int(since))


def _memory(client: redis.Redis) -> tuple[int, int]:
    """Return the bus's limit, 0 for none, and the bytes used without clients' output buffers."""
    try:
        memory: Any = client.info("memory")
    except redis.exceptions.NoPermissionError:
        return USUAL_LIMIT_BYTES, 0
    return int(memory["maxmemory"]), int(memory["used_memory"]) - int(memory.get("mem_clients_normal", 0))
