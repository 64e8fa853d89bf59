"""The pulse of a service's loop: a file for the health check, a hash for the dashboard, a watchdog for itself."""

import faulthandler
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis

from facewire import health, keys
from facewire.metrics import Metrics

BEAT_EVERY_S = 1.0
EXPIRE_S = 10
WATCHDOG_S = 20.0


class Heartbeat:
    """Tell the world, about once a second, that the loop goes round and how it fares.

    A loop calls `beat` each time round. If it stops doing so for `watchdog_s`, the process prints
    every thread's stack and ends itself: Docker restarts what has exited, never what is merely unhealthy.

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
        self._written_s = float("-inf")
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Say that the loop went round; cheap enough for every frame."""
        if self._clock() - self._written_s >= BEAT_EVERY_S:
            self._write()

    def waiting(self, what: str, why: str) -> None:
        """Become unhealthy until `ready(what)`; beats go on, since waiting is not being stuck."""
        changed = self._waiting.get(what) != why
        self._waiting.pop("start", None)
        self._waiting[what] = why
        if changed:
            self._write()
        self.beat()

    def ready(self, what: str = "start") -> None:
        """Say that what was waited for is there."""
        started = self._waiting.pop("start", None)
        if self._waiting.pop(what, None) is not None or started is not None:
            self._write()

    def note(self, name: str, text: str) -> None:
        """Show a line of text (a chosen backend, a camera's state) beside the figures."""
        self._notes[name] = text

    def close(self) -> None:
        """Disarm the watchdog and take the health file and hash away: the service has ended."""
        faulthandler.cancel_dump_traceback_later()
        (self._run_dir / f"{self.service}.json").unlink(missing_ok=True)
        if self._bus is not None:
            try:
                self._bus.delete(keys.health(self.service, self._instance))
            except redis.RedisError:
                self._metrics.error("heartbeat")

    def _write(self) -> None:
        with self._lock:
            self._written_s = self._clock()
            if self._watchdog_s is not None:
                faulthandler.dump_traceback_later(self._watchdog_s, exit=True)
            now = health.Health(
                service=self.service,
                instance=self._instance,
                at_s=time.time(),
                healthy=not self._waiting,
                waiting_for=", ".join(self._waiting.values()),
                figures=self._metrics.figures(),
                notes=dict(self._notes),
            )
            health.write(now, self._run_dir)
            self._publish(now)

    def _publish(self, now: health.Health) -> None:
        if self._bus is None:
            return
        fields = {
            "at_s": now.at_s,
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
        except redis.RedisError:
            self._metrics.error("heartbeat")
