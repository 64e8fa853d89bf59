"""One after another somebody who may come in stands before the camera: stands in for tracker and recognizer."""

import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

import redis

from benchmarks.acting.happening import CAMERA
from facewire import keys
from facewire.codec import encode
from facewire.messages import Identity, Message, Track, Tracks

LOCK, COMMANDS = "front", "bench/front/command"
RULES = f"""\
locks:
  {LOCK}:
    topic: {COMMANDS}
    unlock: {{people: [Ada], cameras: [{CAMERA}], of_looks: [3, 4], cooldown_s: 1}}
rules:
  - name: Ada comes home
    when: {{event: identified, person: Ada, camera: {CAMERA}}}
    do: [unlock: {LOCK}]
"""
LOOK_EVERY_S = 0.1
# The lock's cooldown is over when the next one comes.
LOOKS_OF_ONE = 15


class Visitors:
    """They come for as long as the block lasts.

    Args:
        bus: where tracks and identities go.
    """

    def __init__(self, bus: redis.Redis) -> None:
        self._bus = bus
        self._stop = Event()
        self._thread = Thread(target=self._come, daemon=True)

    def __enter__(self) -> Self:
        """Let them come."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let nobody come any more."""
        self._stop.set()
        self._thread.join()

    def _come(self) -> None:
        seq = 0
        while not self._stop.wait(LOOK_EVERY_S):
            seq += 1
            now_ns, track = time.time_ns(), 1 + seq // LOOKS_OF_ONE
            face = Track(track, (0, 0, 120, 160), 0.9, "confirmed", 9, (0, 0))
            self._bus.zadd(keys.CAMERAS, {CAMERA: time.time()})
            self._add(keys.TRACKS, Tracks(CAMERA, seq, now_ns, (face,)))
            self._add(keys.IDENTITIES, Identity(CAMERA, track, seq, now_ns, f"{track}-{seq}", "Ada", 0.7, 0.3, 0.95))

    def _add(self, stream: keys.Stream, message: Message) -> None:
        self._bus.xadd(stream.key(CAMERA), {keys.FIELD: encode(message)}, maxlen=stream.maxlen)
