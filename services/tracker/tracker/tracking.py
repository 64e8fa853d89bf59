"""Follow the faces of one camera: flow moves them in every frame, detections of past frames correct them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from facewire.messages import Detections, FaceEvent, Frame, Identity, Tracks
from facewire.metrics import Metrics
from facewire.names import Spellings
from facewire.pixels import Picture, picture
from tracker import story
from tracker.appearance import ColourParts, Describer
from tracker.flow import FlowSource
from tracker.followed import Followed
from tracker.frame_clock import FrameClock
from tracker.history import KEPT_FRAMES, Moment
from tracker.motion import MotionSource, View, view
from tracker.moving import move
from tracker.naming import Names
from tracker.observing import observe
from tracker.people import People
from tracker.rules import Rules
from tracker.sighting import find_again, hide
from tracker.support import sure, withhold
from tracker.table import rows_of

NS_PER_S = 1_000_000_000
# A clock that jumps, or a camera that stood still, is no reason to believe that everybody ran.
LONGEST_STEP_S = 0.5
JUMP_S = 2.0

__all__ = ["CameraTracker", "Rules"]


class CameraTracker:
    """The faces of one camera.

    Args:
        camera: its name.
        rules: when a face begins, counts, comes back, and ends.
        next_id: gives an id that was never given before.
        metrics: counts what is out of order, makes no sense, or is beyond the cap.
        source: sees motion; optical flow by default.
        describer: says what a face looks like; its colours by default.
        spellings: the form in which each name is shown, shared with other cameras.
    """

    def __init__(
        self,
        camera: str,
        rules: Rules,
        next_id: Callable[[], int],
        metrics: Metrics,
        *,
        source: MotionSource | None = None,
        describer: Describer | None = None,
        spellings: Spellings | None = None,
    ) -> None:
        self._metrics = metrics
        self._source = source or FlowSource()
        self._describer = describer or ColourParts()
        self._rules = rules
        self._followed = Followed(rules, self._source, metrics)
        self._people = People(camera, rules, next_id, metrics, self._followed, self._describer)
        self._names = Names(metrics, spellings)
        self._picture: Picture = np.zeros((1, 1), np.uint8)
        self._panned = np.zeros(2)
        self._early: Detections | None = None
        self._clock = FrameClock()
        self.blind = 0
        """How many faces flow did not see in the newest frame."""
        self.jump_ns = 0
        """By how much the clock was set before the newest frame."""

    def see(self, frame: Frame) -> tuple[Tracks | None, list[FaceEvent]]:
        """Move every face to where it is in a new frame.

        Returns:
            The tracks of the frame, None if it is older than the last; and who left.
        """
        if not self._in_order(frame):
            return None, []
        self._picture = picture(frame)
        now = view(self._picture)
        self._move(now, frame)
        self._set_clock(frame.captured_ns)
        events = self._people.end_the_lost(frame.captured_ns, (frame.width, frame.height))
        self._people.expect(now, frame.captured_ns)
        self._people.remember(frame.seq, frame.captured_ns, now)
        events += self._correct_early(frame.seq)
        table = self._followed.table
        self._names.meet(frame.seq, table.id[table.mixed].tolist())
        events = self._told(events)
        return self.tracks(frame), events

    def silent(self, lasted_s: float) -> None:
        """Set the duration of a silence of the camera."""
        self._clock.silent(lasted_s)

    def end(self) -> list[FaceEvent]:
        """Follow nobody any more; returns who left, when the last frame was taken: nobody has seen them since."""
        newest = self._followed.history.newest()
        return self._told(self._people.end_all(newest[1].captured_ns)) if newest else []

    def tracks(self, frame: Frame) -> Tracks:
        """Say where every face is believed to be now, in the frame that was seen last."""
        return story.tracks_message(self._followed.table, frame, self._names.people)

    @property
    def hidden(self) -> set[int]:
        """Who is followed and not among the tracks, since they are believed to be behind something."""
        return set(self._followed.table.id[self._followed.table.hidden].tolist())

    def correct(self, detections: Detections) -> list[FaceEvent]:
        """Apply the detections of a past frame at that frame, and carry what they teach to now.

        Returns:
            Who was confirmed, and who had to make room.
        """
        return self._told(self._correct(detections))

    def name(self, look: Identity) -> list[FaceEvent]:
        """Take in who a face may be; returns who is known now, or known by nobody."""
        (row,) = rows_of(self._followed.table, np.array([look.track_id]))
        newest = self._followed.history.newest()
        if row < 0 or newest is None:
            self._metrics.dropped("identity_of_nobody")
            return []
        if self._names.hear(look, newest[1].captured_ns) is None:
            return []
        who = self._names.people.get(look.track_id)
        return [story.named(self._followed.table, int(row), look, who, self._picture)]

    def forget_names(self) -> None:
        """Know nobody any more."""
        self._names.clear()

    def _told(self, events: list[FaceEvent]) -> list[FaceEvent]:
        """Let the names follow what happened; returns the same events, with the names of those who left."""
        while self._followed.exchanged:
            self._names.exchange(*self._followed.exchanged.pop(0))
        people = self._names.people
        for event in events:
            if event.type == "appeared":
                self._names.appear(event.track_id)
            elif event.type == "left":
                self._names.end(event.track_id)
        self._names.keep(self._followed.table.id.tolist())
        return [replace(event, identity=people.get(event.track_id)) for event in events]

    def _correct(self, detections: Detections) -> list[FaceEvent]:
        found = self._moment_of(detections)
        if found is None:
            return []
        seq, moment = found
        moment.detected = True
        seen = observe(detections, moment.view, self._describer, self._metrics)
        return self._people.teach(seq, moment, seen, self._picture)

    def _in_order(self, frame: Frame) -> bool:
        newest = self._followed.history.newest()
        if newest is None or frame.seq > newest[0]:
            return True
        if frame.seq == newest[0] and frame.captured_ns == newest[1].captured_ns:
            self._metrics.dropped("repeated_frame")
            return False
        self._metrics.dropped("out_of_order")
        if newest[0] - frame.seq > KEPT_FRAMES or frame.captured_ns > newest[1].captured_ns + NS_PER_S:
            # Capture began to count again.
            self._followed.history.clear()
            self._early = None
            return True
        return False

    def _move(self, now: View, frame: Frame) -> None:
        self.blind = 0
        newest = self._followed.history.newest()
        if newest is None:
            return
        seq, before = newest
        passed_s = (frame.captured_ns - before.captured_ns) / NS_PER_S
        self._count_oddities(frame.seq - seq, passed_s, before.view, now)
        step_s = min(max(passed_s, 0.0), LONGEST_STEP_S)
        self._followed.now_s += step_s
        if len(self._followed.table):
            self._follow(before, now, step_s)

    def _follow(self, before: Moment, now: View, step_s: float) -> None:
        followed, sees = self._followed, self._source.sees
        self._panned, flowing = move(followed.table, self._source, before, now, self._panned, step_s)
        found, known = flowing, sure(followed.table, self._rules)
        if sees:
            found = find_again(followed.table, followed.history, now, followed.now_s, flowing, known, self._describer)
        hide(followed.table, flowing, found, sees=sees)
        withhold(followed.table, self._rules)
        self.blind = int((~(flowing | found)).sum()) if sees else 0

    def _set_clock(self, captured_ns: int) -> None:
        """Shift remembered times after a clock jump, so that durations stay right."""
        self.jump_ns = self._clock.jump_ns(captured_ns)
        if self.jump_ns:
            self._followed.shift(self.jump_ns)

    def _count_oddities(self, step: int, passed_s: float, before: View, now: View) -> None:
        if step > 1:
            self._metrics.count("frames_missing", step - 1)
        if passed_s <= 0 or passed_s > JUMP_S * step:
            self._metrics.count("clock_jump")
        if before.gray.shape != now.gray.shape:
            self._metrics.count("size_changed")

    def _correct_early(self, seq: int) -> list[FaceEvent]:
        if self._early is None or self._early.seq > seq:
            return []
        early, self._early = self._early, None
        return self._correct(early)

    def _moment_of(self, detections: Detections) -> tuple[int, Moment] | None:
        """Return what is remembered of a detection's frame; None where there is nothing to be learned now."""
        newest = self._followed.history.newest()
        if newest is not None and newest[0] < detections.seq <= newest[0] + KEPT_FRAMES:
            if self._early is not None:
                self._metrics.dropped("early_detections")
            self._early = detections
            return None
        found = self._followed.history.nearest(detections.seq)
        if found is None:
            ahead = newest is None or detections.seq > newest[0]
            self._metrics.dropped("unknown_frame" if ahead else "stale_detections")
            return None
        if found[1].detected:
            self._metrics.dropped("repeated_detections")
            return None
        return found
