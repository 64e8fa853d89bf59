"""Hold what is known of each camera's cadence: wishes, inference times, the host's strain; tell what holds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter, Gauge

from detector.pacing import TOP_LEVEL, USUAL, Band, Decision, Limit, decide, floor_of, floor_of_inference, throttle
from detector.settings import DetectorSettings
from detector.strain import Host
from facewire.controls import Controls
from facewire.heartbeat import Heartbeat
from facewire.messages import Frame, Wish
from facewire.metrics import Metrics

NS_PER_MS = 1_000_000
WISH_HOLDS_S = 3.0
FORGET_AFTER_S = 60.0
MEMORY = 0.8
LIKELY_FRAME_MS = 1000 / 30
LONGEST_FRAME_MS = 1000.0
# A step down in temperature takes its time: within five degrees nothing changes.
COOLER_BY_C, TOP_ABOVE_C = 5.0, 8.0
CALMER_BY_PERCENT = 15.0


@dataclass(slots=True)
class _Camera:
    """What is known of one camera."""

    decision: Decision
    heard_s: float
    wish: Wish | None = None
    wished_s: float = float("-inf")
    spent_ms: float = 0.0
    frame_ms: float = LIKELY_FRAME_MS
    floor: int = 1
    last: tuple[int, int] | None = None


@dataclass(slots=True)
class Cadence:
    """Frames per detection of every camera.

    Args:
        settings: the operator's limits; a number of frames is taken as it is.
        host: looks at temperature and load.
        heartbeat: shows what holds, and why.
        metrics: the same as figures.
        clock: seconds that only go forward.
        controls: returns what the home has switched.
    """

    settings: DetectorSettings
    host: Host
    heartbeat: Heartbeat
    metrics: Metrics
    clock: Callable[[], float] = time.monotonic
    controls: Callable[[], Controls] = Controls
    _cameras: dict[str, _Camera] = field(default_factory=dict)
    _levels: dict[Limit, int] = field(default_factory=dict)
    _every: Gauge = field(init=False)
    _detections: Counter = field(init=False)

    def __post_init__(self) -> None:
        registry = self.metrics.registry
        name = "facewire_detector_detect_every"
        self._every = Gauge(name, "Frames per detection", ["camera"], registry=registry)
        self._detections = Counter(
            "facewire_detector_detections", "Detections, by the reason for their cadence", ["reason"], registry=registry
        )

    def hear(self, wish: Wish) -> int:
        """Take in what the tracker wishes; returns the frames per detection that hold now."""
        camera = self._camera(wish.camera)
        camera.wish, camera.wished_s = wish, self.clock()
        return self._decide(wish.camera, camera)

    def detected(self, frame: Frame, spent_ms: float) -> int:
        """Take in how long a frame's detection took; returns the frames per detection that hold now."""
        camera = self._camera(frame.camera)
        camera.heard_s = self.clock()
        _count_frame(camera, frame)
        camera.spent_ms = MEMORY * camera.spent_ms + (1 - MEMORY) * spent_ms if camera.spent_ms else spent_ms
        self._detections.labels(camera.decision.reason).inc()
        self._look_at_host()
        camera.floor = floor_of_inference(camera.floor, camera.spent_ms, camera.frame_ms, len(self._cameras))
        return self._decide(frame.camera, camera)

    def skipped(self, frame: Frame) -> int:
        """Take in that nobody looks for faces in a camera's frames; returns after how many to look again."""
        camera = self._camera(frame.camera)
        camera.heard_s = self.clock()
        return self._decide(frame.camera, camera)

    def _camera(self, name: str) -> _Camera:
        now_s = self.clock()
        for silent in [each for each, camera in self._cameras.items() if now_s - camera.heard_s > FORGET_AFTER_S]:
            del self._cameras[silent]
            self._every.remove(silent)
            self.heartbeat.note(note_of(silent), "")
        if name not in self._cameras:
            self._cameras[name] = _Camera(Decision(0, "no tracker"), now_s)
        return self._cameras[name]

    def _decide(self, name: str, camera: _Camera) -> int:
        controls = self.controls()
        every = controls.detect_every or self.settings.detect_every
        if name in controls.undetected:
            decision = Decision(USUAL, "switched off")
        elif every is not None:
            decision = Decision(every, "as set")
        else:
            wish = camera.wish if self.clock() - camera.wished_s <= WISH_HOLDS_S else None
            floors: dict[Limit, int] = {limit: floor_of(level) for limit, level in self._levels.items()}
            decision = decide(wish, floors | {"slow inference": camera.floor}, self.settings.detect_every_max)
        if decision != camera.decision:
            camera.decision = decision
            self._every.labels(name).set(decision.every)
            self.heartbeat.note(note_of(name), f"{decision.every} frames, {decision.reason}")
        return decision.every

    def _look_at_host(self) -> None:
        sample = self.host.sample()
        if sample is None:
            return
        hot_c, busy = self.settings.detect_hot_c, self.settings.detect_busy_percent
        bands: dict[Limit, tuple[float | None, Band]] = {
            "hot": (sample.hottest_c, Band(hot_c, hot_c - COOLER_BY_C, hot_c + TOP_ABOVE_C)),
            "busy host": (sample.others_percent, Band(busy, busy - CALMER_BY_PERCENT, float("inf"))),
        }
        for limit, (value, band) in bands.items():
            self._levels[limit] = throttle(self._levels.get(limit, 0), value, band)
            self.metrics.set(f"{limit.replace(' ', '_')}_level", self._levels[limit] / TOP_LEVEL)
        if sample.hottest_c is not None:
            self.metrics.set("hottest_c", sample.hottest_c)


def note_of(camera: str) -> str:
    """Name the note of the heartbeat that tells a camera's frames per detection, and why."""
    return f"detect_every {camera}"


def _count_frame(camera: _Camera, frame: Frame) -> None:
    before, camera.last = camera.last, (frame.seq, frame.captured_ns)
    if before is None or frame.seq <= before[0]:
        return
    frame_ms = (frame.captured_ns - before[1]) / NS_PER_MS / (frame.seq - before[0])
    if 0 < frame_ms <= LONGEST_FRAME_MS:
        camera.frame_ms = MEMORY * camera.frame_ms + (1 - MEMORY) * frame_ms
