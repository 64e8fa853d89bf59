"""Hold the room on the bus that this process's cameras have; ask for it, and refuse the cameras without any."""

import time
from collections.abc import Callable
from threading import Lock

import redis

from facewire import frame_budget, keys
from facewire.frame_budget import Demand
from facewire.link import Link, RedisAwayError
from facewire.log import Log, Seldom
from facewire.streams import announce, camera_names

LOOK_EVERY_S = 1.0
FORGET_EVERY_S = 60.0
MB = 1_000_000


class FrameRoom:
    """The number of frames that each of this process's cameras may keep on the bus.

    All processes that capture compute the same from what the cameras asked for (docs/adr/0027).

    Args:
        bus: the bus.
        log: names cameras that have no room.
        clock: seconds that only go forward.
    """

    def __init__(self, bus: Link, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._log = log
        self._clock = clock
        self._demands: dict[str, Demand] = {}
        self._frames: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        self._looked_s = self._forgot_s = float("-inf")
        self._seldom = Seldom()
        self._lock = Lock()

    def frames(self, camera: str, picture_bytes: int) -> int:
        """Return the number of frames of a camera that the bus may keep, 0 while it has no room.

        Raises:
            RedisAwayError: the bus is away, and the camera has not asked yet.
        """
        asked = self._demands.get(camera)
        if asked is None or asked.picture_bytes != picture_bytes:
            with self._lock:
                self._ask(camera, picture_bytes)
                self._share()
        return self._frames.get(camera, 0)

    def refusal(self, camera: str) -> str:
        """Return why none of a camera's frames are published; empty if they are."""
        return self._refused.get(camera, "")

    def look(self) -> None:
        """Share the bus's memory anew, about once a second, and remove what exceeds it."""
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        try:
            with self._lock:
                self._bus.once(lambda client: frame_budget.ask(client, self._demands.values()))
                self._share()
            if now_s - self._forgot_s >= FORGET_EVERY_S:
                self._bus.once(lambda client: frame_budget.forget(client, time.time(), self._demands))
                self._forgot_s = now_s
        except RedisAwayError:
            return

    def _ask(self, camera: str, picture_bytes: int) -> None:
        announce(self._bus, camera)
        earlier = self._demands.get(camera) or self._bus.once(lambda client: frame_budget.demand_of(client, camera))
        demand = Demand(camera, picture_bytes, earlier.since_ns if earlier else time.time_ns())
        self._bus.once(lambda client: frame_budget.ask(client, [demand]))
        self._demands[camera] = demand

    def _share(self) -> None:
        """Take this process's part of what there is."""

        def share(client: redis.Redis) -> dict[str, int] | None:
            return frame_budget.shares(client, {*camera_names(client), *self._demands})

        allowed = self._bus.once(share)
        unlimited = dict.fromkeys(self._demands, keys.FRAMES.maxlen)
        frames = unlimited if allowed is None else {camera: allowed.get(camera, 0) for camera in self._demands}
        fewer = {camera: kept for camera, kept in frames.items() if kept < self._frames.get(camera, kept + 1)}
        self._bus.once(lambda client: frame_budget.trim(client, fewer))
        self._frames = frames
        for camera, kept in frames.items():
            self._tell(camera, kept)

    def _tell(self, camera: str, kept: int) -> None:
        before = self._refused.get(camera, "")
        now = "" if kept else _why(self._demands[camera])
        self._refused[camera] = now
        if before and not now:
            self._log.info("camera admitted: the bus has room again", camera=camera, frames=kept)
        elif now and not before and self._seldom.due(camera, self._clock()):
            self._log.warning("camera refused", camera=camera, why=now)


def _why(demand: Demand) -> str:
    needed_mb = frame_budget.LEAST_FRAMES * frame_budget.allocated_bytes(demand.picture_bytes) / MB
    return (
        f"has no room on the bus: it needs {needed_mb:.0f} MB beside the other cameras; "
        "a smaller FRAME_WIDTH, fewer cameras, or a larger maxmemory in config/redis/bus.conf make room"
    )
