"""The pulse of a service's loop: a file for the health check, a hash for the dashboard, a watchdog for itself."""

import faulthandler
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, get_ident

import redis

from facewire import clock, frame_budget, health, keys
from facewire.metrics import Metrics
from facewire.redaction import safe

BEAT_EVERY_S = 1.0
EXPIRE_S = 10
BYTES_PER_MB = 1_000_000
WATCHDOG_S = 20.0


class Heartbeat:
    """Tell the world, about once a second, that every loop goes round and how the service fares.

    A loop calls `beat` each time round. If one of them stops doing so, the health file grows stale, and after
    `watchdog_s` more the process prints every thread's stack and ends itself: Docker restarts what has
    exited, never what is merely unhealthy.

    Args:
        service: the service's name.
        run_dir: folder of the health file.
        metrics: where fps and latency come from.
        bus: Redis that the dashboard reads, or None for the file alone.
        instance: tells replicas of one service apart.
        watchdog_s: silence after which the process ends itself; None for never.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        service: str,
        run_dir: Path,
        metrics: Metrics,
        bus: "redis.Redis | None" = None,
        *,
        instance: str = "1",
        watchdog_s: float | None = WATCHDOG_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._run_dir = run_dir
        self._metrics = metrics
        self._bus = bus
        self._instance = instance
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._waiting: dict[str, str] = {"start": "its first message"}
        self._notes: dict[str, str] = {}
        self._loops: dict[int, float] = {}
        self._written_s = float("-inf")
        self._closed = False
        # Two locks: a beat need not wait for another thread's, which may be waiting for the bus.
        self._state, self._writing = Lock(), Lock()

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Make the calling thread one without whose beats the service counts as stuck."""
        with self._state:
            self._loops[get_ident()] = self._clock()
        try:
            yield
        finally:
            with self._state:
                del self._loops[get_ident()]

    def beat(self) -> None:
        """Say that the loop went round; cheap enough for every frame."""
        now_s = self._clock()
        with self._state:
            if get_ident() in self._loops:
                self._loops[get_ident()] = now_s
        if now_s - self._written_s >= BEAT_EVERY_S and self._writing.acquire(blocking=False):
            try:
                self._write()
            finally:
                self._writing.release()

    def waiting(self, what: str, why: str) -> None:
        """Become unhealthy until `ready(what)`; beats go on, since waiting is not being stuck."""
        with self._state:
            changed = self._waiting.get(what) != why
            self._waiting.pop("start", None)
            self._waiting[what] = why
        if changed:
            self._tell()
        self.beat()

    def ready(self, what: str = "start") -> None:
        """Say that what was waited for is there."""
        if not self._waiting:
            return
        with self._state:
            started = self._waiting.pop("start", None)
            changed = self._waiting.pop(what, None) is not None or started is not None
        if changed:
            self._tell()

    def note(self, name: str, text: str) -> None:
        """Show a line of text (a chosen backend, a camera's state) beside the figures; an empty one takes it away."""
        with self._state:
            self._notes[name] = text
            if not text:
                del self._notes[name]

    def close(self) -> None:
        """Disarm the watchdog and take the health file and hash away: the service has ended."""
        with self._writing:
            # A thread that outlives the service must not bring the file back.
            self._closed = True
            faulthandler.cancel_dump_traceback_later()
            (self._run_dir / f"{self.service}.json").unlink(missing_ok=True)
        if self._bus is not None:
            try:
                self._bus.delete(keys.health(self.service, self._instance))
            except redis.RedisError:
                self._metrics.error("heartbeat")

    def _tell(self) -> None:
        with self._writing:
            self._write()

    def _write(self) -> None:
        now_s = self._clock()
        with self._state:
            stuck = any(now_s - beaten_s > health.STALE_S for beaten_s in self._loops.values())
            waiting = [safe(why) for why in self._waiting.values()]
            notes = {name: safe(text) for name, text in self._notes.items()}
        if stuck or self._closed:
            return
        self._written_s = now_s
        if self._watchdog_s is not None:
            faulthandler.dump_traceback_later(self._watchdog_s, exit=True)
        moment = clock.now()
        now = health.Health(
            service=self.service,
            instance=self._instance,
            at_s=moment.wall_s,
            healthy=not waiting,
            waiting_for=", ".join(waiting),
            figures=self._metrics.figures() | {"memory_mb": resident_mb()},
            notes=notes,
            steady_s=moment.steady_s,
            boot=moment.boot,
        )
        health.write(now, self._run_dir)
        self._publish(now)

    def _publish(self, now: health.Health) -> None:
        if self._bus is None:
            return
        fields = {
            "at_s": now.at_s,
            "steady_s": str(now.steady_s),
            "boot": now.boot,
            "healthy": int(now.healthy),
            "waiting_for": now.waiting_for,
            "figures": json.dumps(now.figures),
            "notes": json.dumps(now.notes),
        }
        key = keys.health(self.service, self._instance)
        try:
            with self._bus.pipeline(transaction=False) as pipe:
                pipe.hset(key, mapping=fields)
                pipe.expire(key, EXPIRE_S)
                pipe.execute()
        except redis.exceptions.OutOfMemoryError:
            self._metrics.error("heartbeat")
            self._relieve()
        except redis.RedisError:
            self._metrics.error("heartbeat")

    def _relieve(self) -> None:
        """Let frames give way to heartbeats on a bus that is full."""
        with suppress(redis.RedisError):
            if self._bus is not None:
                frame_budget.relieve(self._bus)


def resident_mb(statm: Path = Path("/proc/self/statm")) -> float:
    """Return this process's resident memory; 0 where the kernel does not tell (proc(5))."""
    try:
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return round(pages * resource.getpagesize() / BYTES_PER_MB, 1)
