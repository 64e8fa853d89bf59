"""Show cameras to viewers; a thread runs only for a watched camera."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread

from facewire import keys, lookup
from facewire.link import Link, RedisAwayError
from facewire.messages import Frame, Tracks
from facewire.metrics import Metrics
from facewire.streams import Intake, StreamReader, Wanted
from web import mjpeg

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


@dataclass(frozen=True, slots=True)
class Update:
    """The newest answer to one question of the page.

    Args:
        topic: the question: `cameras`, `health`, `events` or `decisions`.
        body: the answer as JSON; empty where there is a problem.
        problem: why there is no answer.
    """

    topic: str
    body: bytes = b""
    problem: str = ""


class Viewer:
    """One viewer's place and the newest items that wait for it.

    A viewer who is slow skips: an item replaces the one of the same camera or topic that still waits. What waits
    longest is sent first, so that no camera starves beside others.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[str, Shown | Update] = {}
        self.cameras: frozenset[str] = frozenset()
        self.open = True

    def offer(self, name: str, item: Shown | Update) -> None:
        """Leave an item for the viewer.

        Args:
            name: what it replaces, if that still waits.
            item: a picture or an answer.
        """
        with self._changed:
            self._waiting[name] = item
            self._changed.notify()

    def take(self, timeout_s: float) -> Shown | Update | None:
        """Return the item that waits longest; None after the timeout."""
        with self._changed:
            if not self._waiting and self.open:
                self._changed.wait(timeout_s)
            while self._waiting:
                item = self._waiting.pop(next(iter(self._waiting)))
                # A picture that waited too long may show what is private by now.
                if isinstance(item, Update) or time.monotonic() - item.at_s <= LIVE_FOR_S:
                    return item
        return None

    def close(self) -> None:
        """End the view."""
        with self._changed:
            self.open = False
            self._changed.notify()


@dataclass(slots=True)
class _Watched:
    stop: Event = field(default_factory=Event)
    shown: Shown | None = None
    viewers: set[Viewer] = field(default_factory=set)


class TooManyViewersError(Exception):
    """Another viewer would cost the frames of those who watch already.

    Args:
        limit: the most viewers at once.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"too many viewers: {limit} of {limit}; MAX_VIEWERS says how many there may be")
        self.limit = limit


class LiveView:
    """Reads, encodes once, and hands to every viewer.

    Args:
        make_bus: makes a connection of its own for each thread, which blocks in it.
        intake: decodes messages.
        metrics: times the steps.
        fps: the most pictures a second.
        max_viewers: the most viewers at once, however many cameras each of them watches.
    """

    def __init__(
        self, make_bus: Callable[[], Link], intake: Intake, metrics: Metrics, fps: float, max_viewers: int
    ) -> None:
        self._make_bus = make_bus
        self._intake = intake
        self._metrics = metrics
        self._step_s = 1 / fps
        self._max_viewers = max_viewers
        self._closed = False
        self._watched: dict[str, _Watched] = {}
        self._viewers: set[Viewer] = set()
        self._lock = Lock()

    def close(self) -> None:
        """End every view."""
        with self._lock:
            # A browser may still ask for another on a connection that it holds.
            self._closed = True
            for watched in self._watched.values():
                watched.stop.set()
            for viewer in self._viewers:
                viewer.close()

    @contextmanager
    def place(self) -> Iterator[Viewer]:
        """Take a viewer's place until the block ends.

        Raises:
            TooManyViewersError: all places are taken.
        """
        viewer = Viewer()
        with self._lock:
            if self._closed or len(self._viewers) >= self._max_viewers:
                raise TooManyViewersError(self._max_viewers)
            self._viewers.add(viewer)
            self._metrics.set("viewers", len(self._viewers))
        try:
            yield viewer
        finally:
            self.follow(viewer, ())
            with self._lock:
                self._viewers.discard(viewer)
                self._metrics.set("viewers", len(self._viewers))

    def follow(self, viewer: Viewer, cameras: Iterable[str]) -> None:
        """Watch exactly these cameras; a camera whose reading failed is read again."""
        wanted = frozenset(cameras)
        with self._lock:
            for camera in viewer.cameras - wanted:
                self._leave(viewer, camera)
            if not self._closed:
                for camera in wanted - viewer.cameras:
                    self._join(viewer, camera)
                viewer.cameras = wanted

    def _join(self, viewer: Viewer, camera: str) -> None:
        watched = self._watched.get(camera) or self._begin(camera)
        watched.viewers.add(viewer)
        if watched.shown is not None:
            viewer.offer(camera, watched.shown)

    def _leave(self, viewer: Viewer, camera: str) -> None:
        watched = self._watched.get(camera)
        if watched is not None:
            watched.viewers.discard(viewer)
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
        for viewer in watched.viewers:
            viewer.cameras -= {camera}

    def _show(self, camera: str, watched: _Watched) -> None:
        try:
            self._read(camera, watched)
        finally:
            # After an unforeseen error too: its viewers lose the camera, and whoever follows it next begins anew.
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
            self._hand(camera, watched, Shown(frame, encoded, tracks, mjpeg.about(frame, tracks), time.monotonic()))
            self._metrics.handled(camera, frame.captured_ns)

    def _hand(self, camera: str, watched: _Watched, shown: Shown) -> None:
        with self._lock:
            watched.shown = shown
            for viewer in watched.viewers:
                viewer.offer(camera, shown)
