"""What the tracker does with one message: pure of Redis and of the wall clock, so that a replay does the same."""

from collections.abc import Callable
from dataclasses import dataclass, field

from facewire.controls import Controls
from facewire.layouts import Layouts
from facewire.messages import Detections, FaceEvent, Frame, Identity, Message, Tracks, Wish
from facewire.metrics import Metrics
from facewire.names import Spellings
from facewire.silence import Silence
from tracker.cadence import Attention
from tracker.settings import TrackerSettings
from tracker.sources import source
from tracker.tracking import CameraTracker, Rules
from tracker.zones import Places


@dataclass(frozen=True, slots=True)
class Step:
    """What a message led to; `jump_ns` says by how much the camera's clock was set."""

    tracks: Tracks | None = None
    events: list[FaceEvent] = field(default_factory=list)
    wish: Wish | None = None
    jump_ns: int = 0


class Following:
    """The faces of all cameras.

    Args:
        settings: when a face begins, counts, and ends.
        places: zones and lines.
        next_id: gives an id that was never given before.
        metrics: times the steps, and counts what is out of order or beyond the cap.
    """

    def __init__(self, settings: TrackerSettings, places: Places, next_id: Callable[[], int], metrics: Metrics) -> None:
        self._places = places
        self._settings = settings
        self._rules = Rules(
            max_faces=settings.max_faces,
            birth_score=settings.birth_score,
            count_score=settings.count_score,
            confirm_hits=settings.confirm_hits,
            coast_s=settings.coast_s,
            return_within_s=settings.return_within_s,
        )
        self._next_id = next_id
        self._metrics = metrics
        self._trackers: dict[str, CameraTracker] = {}
        self._attention: dict[str, Attention] = {}
        self._recognizes = True
        self._spellings = Spellings()

    def obey(self, controls: Controls) -> None:
        """Do what the home has switched: without recognition nobody has a name."""
        if self._recognizes and not controls.recognition:
            for tracker in self._trackers.values():
                tracker.forget_names()
        self._recognizes = controls.recognition

    def mark(self, layouts: Layouts) -> None:
        """Take in what is marked in each camera's picture now."""
        self._places.mark(layouts)

    def take(self, message: Message) -> Step:
        """Move the faces with a frame, correct them with detections, name them, or end those of a silent camera."""
        if isinstance(message, Frame):
            return self._see(message)
        if isinstance(message, Detections) and message.camera in self._trackers:
            with self._metrics.stage("correct"):
                return Step(events=self._trackers[message.camera].correct(message))
        if isinstance(message, Identity):
            return self._name(message)
        if isinstance(message, Silence) and message.camera in self._trackers:
            return self._end(message)
        return Step()

    def _name(self, look: Identity) -> Step:
        tracker = self._trackers.get(look.camera)
        if tracker is None or not self._recognizes:
            self._metrics.dropped("recognition_off" if tracker else "identity_of_nobody")
            return Step()
        return Step(events=tracker.name(look))

    def _end(self, silence: Silence) -> Step:
        """Let everybody leave a camera that was silent for too long; it begins anew with its next frame."""
        if silence.lasted_s <= self._rules.silent_s:
            self._trackers[silence.camera].silent(silence.lasted_s)
            return Step()
        self._metrics.count("cameras_silent")
        del self._attention[silence.camera]
        return Step(events=self._places.end(silence.camera, self._trackers.pop(silence.camera).end()))

    def _see(self, frame: Frame) -> Step:
        tracker = self._tracker(frame.camera)
        with self._metrics.stage("track"):
            tracks, events = tracker.see(frame)
        if tracks is None:
            return Step(events=events)
        self._places.shift(frame.camera, tracker.jump_ns)
        with self._metrics.stage("attention"):
            wish = self._attention[frame.camera].watch(frame, tracks, tracker.blind)
        tracks, events = self._places.watch(tracks, (frame.width, frame.height), events, tracker.hidden)
        return Step(tracks, events, wish, tracker.jump_ns)

    def _tracker(self, camera: str) -> CameraTracker:
        if camera not in self._trackers:
            sees = source(self._settings.tracker)
            self._trackers[camera] = CameraTracker(
                camera, self._rules, self._next_id, self._metrics, source=sees, spellings=self._spellings
            )
            self._attention[camera] = Attention(self._rules.coast_s)
        return self._trackers[camera]
