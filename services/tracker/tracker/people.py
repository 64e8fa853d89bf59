"""The faces of one camera, and what detections teach about them: who goes on, begins, comes back, and ends."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import cxcywh_to_xyxy, iou
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.pixels import Picture
from tracker import kalman, story
from tracker.appearance import Describer
from tracker.attributing import NOBODY, Attribution
from tracker.births import born, flickers, revived, speed_along, weakest
from tracker.doubting import near
from tracker.expecting import Back, come_back, stirring
from tracker.followed import Followed
from tracker.history import Moment
from tracker.kalman import Axes
from tracker.motion import View
from tracker.observing import MOST_PICTURES, Observed
from tracker.recalling import TAKEN_IOU
from tracker.returning import MAYBE, PATIENCE_S, recognized
from tracker.rules import Rules
from tracker.support import good, refuted, withhold
from tracker.table import Ints, TrackTable, imprint, look_at, rows_of

ROUNDING_S = 1e-6

Mask = NDArray[np.bool_]


class People:
    """Who is in a camera's picture.

    Args:
        camera: its name.
        rules: when a face begins, counts, comes back, and ends.
        next_id: gives an id that was never given before.
        metrics: counts what is beyond the cap.
        followed: the faces, none yet.
        describer: says what a face looks like.
    """

    def __init__(
        self,
        camera: str,
        rules: Rules,
        next_id: Callable[[], int],
        metrics: Metrics,
        followed: Followed,
        describer: Describer,
    ) -> None:
        self._camera = camera
        self._rules = rules
        self._next_id = next_id
        self._metrics = metrics
        self._followed = followed
        self._describer = describer
        self._attribution = Attribution(followed, rules, metrics)
        self._late_s = 0.0
        self._searches = 0

    @property
    def _table(self) -> TrackTable:
        return self._followed.table

    def end_the_lost(self, at_ns: int, size_px: tuple[int, int]) -> list[FaceEvent]:
        """End who was not detected for too long, or went out of the picture; returns who left."""
        now_s, table = self._followed.now_s, self._table
        self._followed.gone.forget_old(now_s)
        size, place = np.array(size_px), table.filter.place
        inside = (np.abs(2 * place[:, :2] - size) <= place[:, 2:] + size) & (place[:, 2:] <= MOST_PICTURES * size)
        # Before its answer can be here a detector has not missed anybody.
        unseen_s = now_s - self._late_s - table.hit_s
        kept = unseen_s <= self._rules.coast_s + ROUNDING_S
        # Who looks as before where they are, and is no face to the detector, is none when found again there.
        whole = ((table.xyxy[:, :2] >= 0) & (table.xyxy[:, 2:] <= size)).all(axis=1)
        table.doubted |= ~kept & whole & (table.sighted_s >= now_s)
        return self._keep(kept & inside.all(axis=1), at_ns)

    def end_all(self, at_ns: int) -> list[FaceEvent]:
        """End everybody; returns who left."""
        return self._keep(np.zeros(len(self._table), np.bool_), at_ns)

    def expect(self, now: View, at_ns: int) -> None:
        """Look out for who is gone, and go on with those who are back in a new frame."""
        gone, table, before = self._followed.gone.table, self._table, self._followed.history.newest()
        if before is None or not len(gone) or not self._followed.source.sees:
            return
        # Not the frame's number: of whose frames every other is skipped, half would never have their turn.
        self._searches += 1
        stirs = stirring(before[1].view, now, table.xyxy[table.confirmed & ~table.hidden])
        found = come_back(now, stirs, gone, table.xyxy[table.confirmed], self._describer, self._searches)
        for back in sorted(found, key=lambda each: -each.row):
            self._return(back, at_ns)

    def remember(self, seq: int, captured_ns: int, seen: View) -> None:
        """Write down what is believed now."""
        followed, table = self._followed, self._table
        table.age_frames += 1
        place = table.filter.place.copy()
        followed.history.add(seq, Moment(captured_ns, followed.now_s, seen, table.id.copy(), place))

    def teach(self, seq: int, moment: Moment, seen: Observed, picture: Picture) -> list[FaceEvent]:
        """Learn from the detections of a past moment; returns who appeared and who left."""
        at_ns = moment.captured_ns
        self._late_s = min(self._followed.now_s - moment.now_s, self._rules.coast_s)
        holder = self._attribution.attribute(seq, moment, seen)
        self._look(seen, holder, moment.now_s)
        events = self._keep(~(flickers(self._table, self._rules.confirm_hits) | refuted(self._table)), at_ns)
        events += self._begin(seq, seen, holder, at_ns)
        withhold(self._table, self._rules)
        return events + self._confirm(at_ns, picture)

    def _return(self, back: Back, at_ns: int) -> None:
        """Go on with somebody who is back: as the unconfirmed face that is followed there already, or anew."""
        table = self._table
        there = ~table.confirmed & (iou(cxcywh_to_xyxy(back.place[None]), table.xyxy)[0] > TAKEN_IOU)
        if there.any():
            row = there.argmax(keepdims=True)
            if self._may_be(row, back.row):
                self._followed.resume(row, back.row)
                table.confirmed[row] = True
        elif len(table) < self._rules.max_faces:
            known = self._followed.gone.take(back.row)
            self._followed.begin(revived(known, back.place, self._followed.now_s, at_ns, self._rules.confirm_hits))
            self._metrics.count("faces_returned")

    def _may_be(self, row: Ints, known: int) -> bool:
        """Return whether an unconfirmed face (1,) may be who is gone: nobody yet, not unlike, not seen with them."""
        table, gone = self._table, self._followed.gone
        alike = (table.looks[row] == 0) | (table.look[row] @ gone.table.look[known] >= MAYBE)
        return bool((alike & (table.visit[row] == 1) & gone.apart(table.begun_s[row])[known])[0])

    def _look(self, seen: Observed, holder: Ints, at_s: float) -> None:
        """Remember what the faces look like that were seen whole and alone."""
        table, rows = self._table, rows_of(self._table, holder)
        held = np.flatnonzero(rows >= 0)
        if not len(held):
            return
        imprint(table, rows[held], seen, held, at_s)
        clear = held[seen.clean[held]]
        look_at(table, rows[clear], seen.looks[clear])
        table.mixed[rows[clear]] = False

    def _begin(self, seq: int, seen: Observed, holder: Ints, at_ns: int) -> list[FaceEvent]:
        """Start tracks for detections of a past frame, and follow them through the frames since."""
        fresh = np.flatnonzero((holder == NOBODY) & self._attribution.strong(seen))
        if not len(fresh):
            return []
        trail, moments = self._followed.trail(seq, seen.xyxy[fresh])
        new = ~self._came_earlier(seq, moments[0], seen.scores[fresh], holder, trail)
        fresh, trail = fresh[new], [place[new] for place in trail]
        speed = speed_along(trail, moments)
        events = []
        faint = seen.scores[fresh] < self._rules.count_score
        for at in np.lexsort((-trail[-1][:, 2] * trail[-1][:, 3], faint)):
            room, pushed = self._make_room(trail[-1][at], bool(faint[at]), at_ns)
            events += pushed
            if room:
                place = kalman.start(trail[-1][at : at + 1], speed[at : at + 1])
                begun = born(self._next_id(), place, seen, int(fresh[at]), moments[0], at_ns)
                self._followed.begin(begun)
                self._followed.history.move(seq, int(begun.id[0]), [place[at] for place in trail])
        self._recognize(np.arange(len(self._table)) >= len(self._table) - len(fresh))
        return events

    def _came_earlier(
        self, seq: int, moment: Moment, scores: NDArray[np.float64], holder: Ints, trail: list[Axes]
    ) -> Mask:
        """Return which detections (M,) lead to faces that were found again since, and are theirs."""
        table = self._table
        theirs = ~np.isin(table.id, holder) & (table.sighted_s >= self._followed.now_s)
        overlap = np.where(theirs, iou(cxcywh_to_xyxy(trail[-1]), table.xyxy), 0)
        early = overlap.max(axis=1, initial=0) > TAKEN_IOU
        for at in np.flatnonzero(early):
            row, places = overlap[at].argmax(keepdims=True), [place[at] for place in trail]
            self._followed.precede(seq, row, places, scores[at : at + 1], moment.now_s)
        return np.asarray(early)

    def _make_room(self, place: Axes, faint: bool, at_ns: int) -> tuple[bool, list[FaceEvent]]:  # noqa: FBT001
        """Return whether one more face may be followed, and who had to go for it: a faint one takes nobody's place."""
        if len(self._table) < self._rules.max_faces:
            return True, []
        self._metrics.dropped("face_cap")
        row = None if faint else weakest(self._table, place, self._table.best_score < self._rules.count_score)
        if row is None:
            return False, []
        return True, self._keep(np.arange(len(self._table)) != row, at_ns)

    def _recognize(self, candidates: Mask) -> None:
        """Give unconfirmed faces the names of those who left and look the same."""
        table, gone = self._table, self._followed.gone
        rows = np.flatnonzero(
            candidates & ~table.confirmed & good(table, self._rules) & (table.visit == 1) & (table.looks > 0)
        )
        apart = gone.apart(table.begun_s[rows])
        # Who comes in half covered looks like nobody on the whole, and like somebody once seen clearly.
        found = recognized(gone.table.look, table.look[rows], apart)
        found = found or recognized(gone.table.look, table.glance[rows], apart)
        for known, at in sorted(found, reverse=True):
            self._followed.resume(rows[at : at + 1], known)

    def _confirm(self, at_ns: int, picture: Picture) -> list[FaceEvent]:
        table, rules = self._table, self._rules
        if not len(table) or table.appeared.all():
            return []
        self._recognize(~table.confirmed & (table.hits >= rules.confirm_hits))
        # Who was found again may be somebody like them: that is settled once they are seen whole.
        unsettled_s = np.where(table.glance.any(axis=1), 0, PATIENCE_S)
        patience_s = np.where(table.visit > 1, unsettled_s, self._followed.gone.patience_s(table.look, table.begun_s))
        waited = table.hit_s - table.begun_s >= patience_s
        table.confirmed |= waited & ((table.hits >= rules.confirm_hits) | (self._new_here() & (patience_s == 0)))
        counts = table.confirmed & (table.hits >= rules.confirm_hits) & (table.best_score >= rules.count_score)
        counts &= waited | (table.visit == 1)
        fresh = np.flatnonzero(counts & ~table.appeared)
        table.appeared |= counts
        return [story.appeared(table, int(row), self._camera, at_ns, picture) for row in fresh]

    def _new_here(self) -> Mask:
        """Return who cannot be one of those that were lost from sight, (N,)."""
        table = self._table
        lost = np.flatnonzero(table.confirmed & (table.misses > 0))
        unseen_s = self._followed.now_s - table.hit_s[lost]
        return np.asarray(~near(table.xyxy[lost], table.xyxy, unseen_s).any(axis=0))

    def _keep(self, rows: Mask, at_ns: int) -> list[FaceEvent]:
        if rows.all():
            return []
        ended = self._followed.keep(rows)
        return [story.left(ended, row, self._camera, at_ns) for row in np.flatnonzero(ended.appeared).tolist()]
