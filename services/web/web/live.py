"""Show a camera to many: one thread for each camera that is watched, none for those that are not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread

from facewire import keys, lookup
from facewire.link import Link, RedisAwayError
from facewire.messages import Frame, Tracks
from facewire.metrics import Metrics
from facewire.streams import Intake, StreamReader, Wanted
from web import mjpeg

WAIT_S = 1.0
LIVE_FOR_S = 2.0
# A picture may come a little early and still be the next one.
EARLY = 0.8


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of a camera with its tracks."""

    frame: Frame
    jpeg: bytes
    tracks: Tracks
    header: str
    at_s: float
    """By the monotonic clock."""


@dataclass(slots=True)
class _Watched:
    stop: Event = field(default_factory=Event)
    changed: Condition = field(default_factory=Condition)
    shown: Shown | None = None
    viewers: int = 0


class TooManyViewersError(Exception):
    """Another viewer would cost the frames of those who watch already."""


class LiveView:
    """Reads, encodes once, and hands to every viewer; a slow viewer skips pictures.

    Args:
        make_bus: makes a connection of its own for each thread, which blocks in it.
        intake: decodes messages.
        metrics: times the steps.
        fps: the most pictures a second.
        max_viewers: the most viewers at once.
    """

    def __init__(
        self, make_bus: Callable[[], Link], intake: Intake, metrics: Metrics, fps: float, max_viewers: int
    ) -> None:
        self._make_bus = make_bus
        self._intake = intake
        self._metrics = metrics
        self._step_s = 1 / fps
        self._max_viewers = max_viewers
        self._watched: dict[str, _Watched] = {}
        self._lock = Lock()

    def close(self) -> None:
        """End every view."""
        with self._lock:
            # A browser may still ask for another on a connection that it holds.
            self._max_viewers = 0
            for watched in self._watched.values():
                watched.stop.set()

    @contextmanager
    def watching(self, camera: str, has_left: Callable[[], bool]) -> Iterator[Iterator[Shown]]:
        """Watch a camera; the pictures come from an iterator that ends when the view is closed.

        Args:
            camera: its name.
            has_left: says whether the viewer has gone, which a camera without pictures would hide.

        Raises:
            TooManyViewersError: all places are taken.
        """
        with self._lock:
            if sum(watched.viewers for watched in self._watched.values()) >= self._max_viewers:
                raise TooManyViewersError(camera)
            watched = self._watched.get(camera) or self._begin(camera)
            watched.viewers += 1
        try:
            yield _pictures(watched, has_left)
        finally:
            with self._lock:
                watched.viewers -= 1
                if not watched.viewers:
                    self._forget(camera, watched)

    def _begin(self, camera: str) -> _Watched:
        watched = self._watched[camera] = _Watched()
        Thread(target=self._show, args=(camera, watched), name=f"live-{camera}", daemon=True).start()
        return watched

    def _forget(self, camera: str, watched: _Watched) -> None:
        watched.stop.set()
        if self._watched.get(camera) is watched:
            del self._watched[camera]

    def _show(self, camera: str, watched: _Watched) -> None:
        try:
            self._read(camera, watched)
        finally:
            # After an unforeseen error too: its viewers' streams end, and the next viewer begins anew.
            with self._lock:
                self._forget(camera, watched)

    def _read(self, camera: str, watched: _Watched) -> None:
        from web import drawing  # noqa: PLC0415  30 MB that a dashboard which nobody watches does without

        bus = self._make_bus()
        reader = StreamReader(bus, self._intake, self._metrics, [Wanted(keys.TRACKS)], only_camera=camera)
        next_s = 0.0
        for tracks in reader.messages(watched.stop):
            if not isinstance(tracks, Tracks) or time.monotonic() < next_s:
                continue
            next_s = time.monotonic() + EARLY * self._step_s
            try:
                frame = bus.once(lambda client, seq=tracks.seq: lookup.frame(client, camera, seq))  # type: ignore[misc]
            except RedisAwayError:
                continue
            if frame is None:
                self._metrics.dropped("frame_gone")
                continue
            with self._metrics.stage("encode"):
                encoded = drawing.jpeg(frame)
            with watched.changed:
                watched.shown = Shown(frame, encoded, tracks, mjpeg.about(frame, tracks), time.monotonic())
                watched.changed.notify_all()
            self._metrics.handled(camera, frame.captured_ns)


def _pictures(watched: _Watched, has_left: Callable[[], bool]) -> Iterator[Shown]:
    last: Shown | None = None
    while not watched.stop.is_set() and not has_left():
        with watched.changed:
            if watched.shown is last:
                watched.changed.wait(WAIT_S)
            shown = watched.shown
        # Whoever comes while nothing comes from the camera must not be shown what was seen before.
        if shown is not None and shown is not last and time.monotonic() - shown.at_s <= LIVE_FOR_S:
            last = shown
            yield shown
