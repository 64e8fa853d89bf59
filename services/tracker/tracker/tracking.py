"""Follow the faces of one camera: flow moves them in every frame, detections of past frames correct them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, iou, xyxy_to_cxcywh
from facewire.messages import Detections, FaceEvent, Frame, Tracks
from facewire.metrics import Metrics
from facewire.pixels import Picture, picture
from tracker import kalman, story
from tracker.association import match
from tracker.flow import View, motion, view
from tracker.history import KEPT_FRAMES, History, Moment
from tracker.table import TrackTable, chosen, joined, rows_of

NS_PER_S = 1_000_000_000
SHORTEST_STEP_S, LONGEST_STEP_S = 0.001, 0.5
# Two overlapping faces share flow points, and would drag each other along.
SHARED_FLOW_IOU = 0.1
# A face missed this often may be hidden: flow would follow whatever hides it.
TRUST_FLOW_MISSES = 2
COASTING_BRAKE = 0.95
SMALLEST_SIDE_PX = 4.0
# Who comes when all places are taken must be clearly larger than the smallest face that has one.
CLEARLY_LARGER = 1.3


@dataclass(frozen=True, slots=True)
class Rules:
    """When a face begins, counts, and ends.

    Args:
        max_faces: how many faces are followed at once.
        birth_score: a fainter detection may continue a track, and starts none.
        confirm_hits: detections until a face is confirmed.
        coast_s: how long a face is followed unseen.
    """

    max_faces: int = 5
    birth_score: float = 0.7
    confirm_hits: int = 2
    coast_s: float = 1.0


class CameraTracker:
    """The faces of one camera.

    Args:
        camera: its name.
        rules: when a face begins, counts, and ends.
        next_id: gives an id that was never given before.
        metrics: counts what is out of order or beyond the cap.
    """

    def __init__(self, camera: str, rules: Rules, next_id: Callable[[], int], metrics: Metrics) -> None:
        self._camera = camera
        self._rules = rules
        self._next_id = next_id
        self._metrics = metrics
        self._table = TrackTable()
        self._history = History()
        self._picture: Picture = np.zeros((1, 1), np.uint8)
        self._early: Detections | None = None
        self.blind = 0
        """How many faces flow did not see in the newest frame."""

    def see(self, frame: Frame) -> tuple[Tracks | None, list[FaceEvent]]:
        """Move every face to where it is in a new frame.

        Returns:
            The tracks of the frame, None if it is older than the last; and who left.
        """
        if not self._in_order(frame):
            return None, []
        self._picture = picture(frame)
        now = view(self._picture)
        self._move(now, frame.captured_ns)
        events = self._end_the_lost(frame.captured_ns)
        self._table.age_frames += 1
        moment = Moment(frame.captured_ns, now, self._table.id.copy(), self._table.filter.place.copy())
        self._history.add(frame.seq, moment)
        if self._early is not None and self._early.seq <= frame.seq:
            early, self._early = self._early, None
            events += self.correct(early)
        return story.tracks_message(self._table, frame), events

    def correct(self, detections: Detections) -> list[FaceEvent]:
        """Apply the detections of a past frame at that frame, and carry what they teach to now.

        Returns:
            Who was confirmed.
        """
        newest, found = self._history.newest(), self._history.nearest(detections.seq)
        if newest is not None and detections.seq > newest[0]:
            self._early = detections
            return []
        if found is None:
            self._metrics.dropped("stale_detections")
            return []
        seq, moment = found
        xyxy, scores = _arrays(detections)
        used = self._update_matched(seq, moment, xyxy, scores, detections.captured_ns)
        fresh = np.flatnonzero(~used & (scores >= self._rules.birth_score))
        self._begin(seq, xyxy[fresh], scores[fresh], detections.captured_ns)
        return self._confirm(detections.captured_ns)

    def _in_order(self, frame: Frame) -> bool:
        newest = self._history.newest()
        if newest is None or frame.seq > newest[0]:
            return True
        self._metrics.dropped("out_of_order")
        if newest[0] - frame.seq > KEPT_FRAMES or frame.captured_ns > newest[1].captured_ns + NS_PER_S:
            # Capture began to count again.
            self._history.clear()
            return True
        return False

    def _move(self, now: View, captured_ns: int) -> None:
        self.blind = 0
        newest = self._history.newest()
        if newest is None or not len(self._table):
            return
        before = newest[1]
        dt_s = float(np.clip((captured_ns - before.captured_ns) / NS_PER_S, SHORTEST_STEP_S, LONGEST_STEP_S))
        state, xyxy = self._table.filter, self._table.xyxy
        alone = (iou(xyxy, xyxy) > SHARED_FLOW_IOU).sum(axis=1) <= 1
        trusted = alone & (self._table.misses < TRUST_FLOW_MISSES) & (before.view.gray.shape == now.gray.shape)
        flowing = np.zeros(len(self._table), bool)
        if trusted.any():
            seen = motion(before.view, now, xyxy[trusted], state.speed[trusted, :2] * dt_s)
            flowing[np.flatnonzero(trusted)[seen.seen]] = True
            grown = state.place[flowing, 2:] * (seen.zoom[seen.seen, None] - 1)
            kalman.shift(state, flowing, np.concatenate((seen.shift[seen.seen], grown), axis=1), dt_s)
        self.blind = int(len(flowing) - flowing.sum())
        kalman.predict(state, ~flowing, dt_s)
        state.speed[self._table.misses > 0] *= COASTING_BRAKE
        np.maximum(state.place[:, 2:], SMALLEST_SIDE_PX, out=state.place[:, 2:])

    def _end_the_lost(self, captured_ns: int) -> list[FaceEvent]:
        table = self._table
        unseen_s = (captured_ns - table.hit_ns) / NS_PER_S
        height, width = self._picture.shape[:2]
        centre = table.filter.place[:, :2]
        inside = ((centre >= 0) & (centre <= (width, height))).all(axis=1)
        return self._keep((unseen_s <= self._rules.coast_s) & inside, captured_ns)

    def _keep(self, rows: NDArray[np.bool_], at_ns: int) -> list[FaceEvent]:
        gone = np.flatnonzero(~rows & self._table.confirmed)
        events = [story.left(self._table, int(row), self._camera, at_ns) for row in gone]
        if not rows.all():
            self._table = chosen(self._table, rows)
        return events

    def _update_matched(
        self, seq: int, moment: Moment, xyxy: Boxes, scores: NDArray[np.float64], captured_ns: int
    ) -> NDArray[np.bool_]:
        """Correct the tracks that were detected, strong detections first; return which detections were used (M,)."""
        rows = rows_of(self._table, moment.ids)
        unmatched = np.flatnonzero(rows >= 0)
        believed = cxcywh_to_xyxy(moment.place)
        strong = scores >= self._rules.birth_score
        used = np.zeros(len(xyxy), bool)
        for tier in (np.flatnonzero(strong), np.flatnonzero(~strong)):
            pairs = match(believed[unmatched], xyxy[tier])
            hit, seen = unmatched[pairs.first], tier[pairs.second]
            innovation = xyxy_to_cxcywh(xyxy[seen]) - moment.place[hit]
            self._hit(seq, rows[hit], innovation, scores[seen], captured_ns)
            used[seen] = True
            unmatched = np.delete(unmatched, pairs.first)
        self._miss(rows[unmatched], captured_ns)
        return used

    def _hit(
        self,
        seq: int,
        rows: NDArray[np.intp],
        innovation: NDArray[np.float64],
        scores: NDArray[np.float64],
        captured_ns: int,
    ) -> None:
        table = self._table
        moved = kalman.correct(table.filter, rows, innovation)
        np.maximum(table.filter.place[:, 2:], SMALLEST_SIDE_PX, out=table.filter.place[:, 2:])
        self._history.correct(seq, table.id[rows], moved)
        table.score[rows] = scores
        table.hits[rows] += 1
        table.misses[rows] = 0
        table.hit_ns[rows] = captured_ns

    def _miss(self, rows: NDArray[np.intp], captured_ns: int) -> None:
        self._table.misses[rows] += 1
        # A face that was seen once and not again was none.
        self._keep(self._table.confirmed | (self._table.misses == 0), captured_ns)

    def _begin(self, seq: int, xyxy: Boxes, scores: NDArray[np.float64], captured_ns: int) -> None:
        """Start tracks for detections of a past frame, and follow them through the frames since."""
        if not len(xyxy):
            return
        moments = self._history.since(seq)
        trail = follow(xyxy_to_cxcywh(xyxy).astype(np.float64), moments)
        largest_first = np.argsort(-trail[-1][:, 2] * trail[-1][:, 3], kind="stable")
        for row in largest_first:
            if self._has_room(trail[-1][row], captured_ns):
                born = self._born(trail[-1][row : row + 1], scores[row], captured_ns)
                self._table = joined(self._table, born)
                for moment, place in zip(moments, trail, strict=True):
                    moment.add(int(born.id[0]), place[row])

    def _has_room(self, place: NDArray[np.floating], captured_ns: int) -> bool:
        if len(self._table) < self._rules.max_faces:
            return True
        self._metrics.dropped("face_cap")
        sizes = self._table.filter.place[:, 2] * self._table.filter.place[:, 3]
        smallest = int(np.argmin(sizes))
        if self._table.confirmed[smallest] or place[2] * place[3] < CLEARLY_LARGER * sizes[smallest]:
            return False
        self._keep(np.arange(len(self._table)) != smallest, captured_ns)
        return True

    def _born(self, place: Boxes, score: float, captured_ns: int) -> TrackTable:
        return TrackTable(
            filter=kalman.start(place.astype(np.float64)),
            id=np.array([self._next_id()]),
            score=np.array([score]),
            hits=np.array([1]),
            misses=np.array([0]),
            confirmed=np.array([False]),
            age_frames=np.array([0]),
            born_ns=np.array([captured_ns]),
            hit_ns=np.array([captured_ns]),
        )

    def _confirm(self, at_ns: int) -> list[FaceEvent]:
        table = self._table
        fresh = np.flatnonzero(~table.confirmed & (table.hits >= self._rules.confirm_hits))
        table.confirmed[fresh] = True
        return [story.appeared(table, int(row), self._camera, at_ns, self._picture) for row in fresh]


def follow(place: kalman.Axes, moments: Sequence[Moment]) -> list[kalman.Axes]:
    """Carry boxes (M, 4) from the first moment to the last by flow; returns where they were in each."""
    trail, shift = [place], np.zeros((len(place), 2))
    for before, after in pairwise(moments):
        place = place.copy()
        if before.view.gray.shape == after.view.gray.shape:
            moved = motion(before.view, after.view, cxcywh_to_xyxy(place), shift)
            # Where flow is blind, the last step is the best guess for this one.
            shift = np.where(moved.seen[:, None], moved.shift, shift)
            place[:, 2:] *= moved.zoom[:, None]
        place[:, :2] += shift
        trail.append(place)
    return trail


def _arrays(detections: Detections) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the detections as boxes (M, 4) and scores (M,)."""
    xyxy = np.array([face.xyxy for face in detections.faces], np.float64).reshape(-1, 4)
    return xyxy, np.array([face.score for face in detections.faces], np.float64)
