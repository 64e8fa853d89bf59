"""The faces of one camera, and what detections teach about them: who goes on, begins, comes back, and ends."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.pixels import Picture
from tracker import kalman, story
from tracker.association import match
from tracker.births import born, flickers, speed_along, weakest
from tracker.doubting import alike, astray, believed, better_as_is, near, unlike
from tracker.drifting import forget, give_in, loosen
from tracker.history import History, Moment
from tracker.motion import MotionSource, View
from tracker.moving import SMALLEST_SIDE_PX, follow
from tracker.observing import MOST_PICTURES, Observed
from tracker.recalling import glances
from tracker.returning import SAME_LOOK, Gone, Met, recognized, sorted_out
from tracker.rules import Rules
from tracker.table import Ints, TrackTable, become, chosen, imprint, joined, look_at, rows_of

NOBODY = -1
ROUNDING_S = 1e-6

Axes = kalman.Axes
Mask = NDArray[np.bool_]


class People:
    """Who is followed, what was known of them in the last second, and who is gone.

    Args:
        camera: its name.
        rules: when a face begins, counts, comes back, and ends.
        next_id: gives an id that was never given before.
        metrics: counts what is beyond the cap.
        source: sees motion.
    """

    def __init__(
        self, camera: str, rules: Rules, next_id: Callable[[], int], metrics: Metrics, source: MotionSource
    ) -> None:
        self._camera = camera
        self._rules = rules
        self._next_id = next_id
        self._metrics = metrics
        self._source = source
        self._gone = Gone(rules.return_within_s)
        self.table = TrackTable()
        self.history = History()
        self.now_s = 0.0
        self._late_s = 0.0
        self.exchanged: list[tuple[int, int]] = []
        """Whose IDs turned out to have swapped; whoever reads it empties it."""

    def end_the_lost(self, at_ns: int, size_px: tuple[int, int]) -> list[FaceEvent]:
        """End who was not detected for too long, or went out of the picture; returns who left."""
        self._gone.forget_old(self.now_s)
        size, place = np.array(size_px), self.table.filter.place
        inside = (np.abs(2 * place[:, :2] - size) <= place[:, 2:] + size) & (place[:, 2:] <= MOST_PICTURES * size)
        # Before its answer can be here a detector has not missed anybody.
        unseen_s = self.now_s - self._late_s - self.table.hit_s
        return self._keep((unseen_s <= self._rules.coast_s + ROUNDING_S) & inside.all(axis=1), at_ns)

    def remember(self, seq: int, captured_ns: int, seen: View) -> None:
        """Write down what is believed now."""
        table = self.table
        table.age_frames += 1
        self.history.add(seq, Moment(captured_ns, self.now_s, seen, table.id.copy(), table.filter.place.copy()))

    def teach(self, seq: int, moment: Moment, seen: Observed, picture: Picture) -> list[FaceEvent]:
        """Learn from the detections of a past moment; returns who appeared and who left."""
        at_ns = moment.captured_ns
        self._late_s = min(self.now_s - moment.now_s, self._rules.coast_s)
        holder = self._continue(seq, moment, seen)
        holder = self._sort_out_who_met(seq, moment, seen, holder)
        holder = self._rejoin(seq, moment, seen, holder)
        self._look(seen, holder, moment.now_s)
        events = self._keep(~flickers(self.table, self._rules.confirm_hits), at_ns)
        events += self._begin(seq, seen, np.flatnonzero((holder == NOBODY) & self._strong(seen)), at_ns)
        return events + self._confirm(at_ns, picture)

    def _strong(self, seen: Observed) -> Mask:
        return np.asarray(seen.scores >= self._rules.birth_score)

    def _continue(self, seq: int, moment: Moment, seen: Observed) -> Ints:
        """Correct who was detected, strong detections first; return the id that each detection continues (M,)."""
        rows = rows_of(self.table, moment.ids)
        missed = rows >= 0
        boxes, strong = cxcywh_to_xyxy(moment.place), self._strong(seen)
        cost = unlike(self.table, rows, seen)
        holder, newest = np.full(len(seen.xyxy), NOBODY), self.history.newest()
        for tier in filter(len, (np.flatnonzero(strong), np.flatnonzero(~strong))):
            open_rows = np.flatnonzero(missed)
            pairs = match(boxes[open_rows], seen.xyxy[tier], cost[open_rows][:, tier])
            hit, found = open_rows[pairs.first], tier[pairs.second]
            innovation = xyxy_to_cxcywh(seen.xyxy[found]) - moment.place[hit]
            if newest and newest[0] > seq:
                innovation[better_as_is(self.table, newest[1].view, rows[hit], innovation)] = 0
            loosen(self.table, rows[hit], moment.view, moment.place[hit])
            self._hit(seq, rows[hit], innovation, seen.scores[found], moment.now_s)
            self.table.face[rows[hit]] = glances(moment.view, moment.place[hit])
            holder[found] = moment.ids[hit]
            for at in np.flatnonzero(astray(innovation, moment.place[hit]) & (seq != self.history.newest_seq)):
                # What it followed since then was something else.
                self._jump(seq, seen, int(found[at]), int(moment.ids[hit[at]]))
            missed[hit] = False
        self.table.misses[rows[missed]] += 1
        return holder

    def _hit(self, seq: int, rows: Ints, innovation: Axes, scores: NDArray[np.float64], at_s: float) -> None:
        table = self.table
        moved = kalman.correct(table.filter, rows, innovation)
        moved += give_in(table, rows, innovation - moved)
        np.maximum(table.filter.place[:, 2:], SMALLEST_SIDE_PX, out=table.filter.place[:, 2:])
        self.history.correct(seq, table.id[rows], moved)
        table.hits[rows] += 1
        self._found(rows, scores, at_s)

    def _found(self, rows: Ints, scores: NDArray[np.float64], at_s: float) -> None:
        table = self.table
        table.score[rows] = scores
        table.best_score[rows] = np.maximum(table.best_score[rows], scores)
        table.misses[rows] = 0
        table.blind[rows] = 0
        table.hidden[rows] = False
        table.hit_s[rows] = at_s

    def _sort_out_who_met(self, seq: int, moment: Moment, seen: Observed, holder: Ints) -> Ints:
        """Give faces that met their own names back, where their looks say so clearly; return the new holders (M,)."""
        table = self.table
        held = rows_of(table, holder)
        clean = seen.clean & (self._strong(seen) | (held >= 0))
        strange = (held >= 0) & clean & (alike(table, held, seen) < SAME_LOOK)
        alone = np.zeros(len(table), bool)
        alone[held[(held >= 0) & clean]] = True
        doubtful = table.mixed | (table.misses > 0)
        doubtful[held[strange]] = True
        rows = np.flatnonzero(doubtful & (table.looks > 0) & (alone | (table.misses > 0)))
        detections = np.flatnonzero(clean & ((holder == NOBODY) | np.isin(held, rows)))
        if len(rows) < 2 or not len(detections):
            return holder
        place = np.where(held[detections, None] == rows, np.arange(len(rows)), NOBODY).max(axis=1)
        met = Met(rows, detections, place, self._reach(moment, rows, seen.xyxy[detections]))
        now = sorted_out(met, table.look[rows], seen.looks[detections])
        changed = np.flatnonzero((now != place) & (now != NOBODY))
        if not len(changed):
            return holder
        self._metrics.count("ids_sorted_out")
        wanted = {int(detections[at]): int(table.id[rows[now[at]]]) for at in changed}
        return self._reassign(seq, seen, holder, wanted)

    def _reach(self, moment: Moment, rows: Ints, found: Boxes) -> Mask:
        """Return which detections (M,) of a moment each face (K,) may have come to since it was seen last, (K, M)."""
        unseen_s = np.maximum(moment.now_s - self.table.hit_s[rows], 0)
        return near(believed(self.table, moment, rows), found, unseen_s)

    def _reassign(self, seq: int, seen: Observed, holder: Ints, wanted: dict[int, int]) -> Ints:
        """Let detections belong to other people: who holds one hands it over, and takes what the other had."""
        holder = holder.copy()
        for detection, person in wanted.items():
            other, had = int(holder[detection]), holder == person
            self.exchanged += [(person, other)] if NOBODY != other != person else []
            if other != person and (other == NOBODY or not had.any()):
                self._jump(seq, seen, detection, person)
                holder[had] = NOBODY
                self.table.misses[rows_of(self.table, np.array([other]))] += other != NOBODY
            elif other != person:
                self._exchange(person, other)
                holder[had] = other
            holder[detection] = person
        return holder

    def _exchange(self, first: int, second: int) -> None:
        rows = rows_of(self.table, np.array((first, second)))
        become(self.table, rows, self.table, rows[::-1])
        self.history.rename(np.array((first, second)), np.array((second, first)))

    def _jump(self, seq: int, seen: Observed, detection: int, person: int) -> None:
        """Let a face go on from a detection, wherever it was believed."""
        row = rows_of(self.table, np.array([person]))
        trail, moments = self._trail(seq, seen.xyxy[detection : detection + 1])
        begun = kalman.start(trail[-1], speed_along(trail, moments))
        for name in ("place", "speed", "place_variance", "covariance", "speed_variance"):
            getattr(self.table.filter, name)[row] = getattr(begun, name)
        forget(self.table, row, moments[0].view, trail[0])
        self.history.move(seq, person, [place[0] for place in trail])
        self._found(row, seen.scores[detection : detection + 1], moments[0].now_s)

    def _trail(self, seq: int, xyxy: Boxes) -> tuple[list[Axes], list[Moment]]:
        moments = self.history.since(seq)
        return follow(xyxy_to_cxcywh(xyxy).astype(np.float64), moments, self._source), moments

    def _rejoin(self, seq: int, moment: Moment, seen: Observed, holder: Ints) -> Ints:
        """Let faces that were hidden go on where they come out, if they look it; return the new holders (M,)."""
        table = self.table
        rows = np.flatnonzero(table.confirmed & (table.misses > 0) & (table.looks > 0))
        free = np.flatnonzero((holder == NOBODY) & self._strong(seen) & seen.clean)
        if not len(rows) or not len(free):
            return holder
        reach = self._reach(moment, rows, seen.xyxy[free])
        holder = holder.copy()
        for known, found in recognized(table.look[rows], seen.looks[free], reach):
            self._jump(seq, seen, int(free[found]), int(table.id[rows[known]]))
            holder[free[found]] = table.id[rows[known]]
        return holder

    def _look(self, seen: Observed, holder: Ints, at_s: float) -> None:
        """Remember what the faces look like that were seen whole and alone."""
        rows = rows_of(self.table, holder)
        shown = (rows >= 0) & seen.patches.any(axis=(1, 2))
        imprint(self.table, rows[shown], seen.patches[shown], xyxy_to_cxcywh(seen.xyxy[shown])[:, 2:], at_s)
        clear = (rows >= 0) & seen.clean
        # A width of zero: nobody was ever looked at.
        if clear.any():
            look_at(self.table, rows[clear], seen.looks[clear])
            self.table.mixed[rows[clear]] = False

    def _begin(self, seq: int, seen: Observed, fresh: Ints, at_ns: int) -> list[FaceEvent]:
        """Start tracks for detections of a past frame, and follow them through the frames since."""
        if not len(fresh):
            return []
        trail, moments = self._trail(seq, seen.xyxy[fresh])
        speed = speed_along(trail, moments)
        events = []
        faint = seen.scores[fresh] < self._rules.count_score
        for at in np.lexsort((-trail[-1][:, 2] * trail[-1][:, 3], faint)):
            room, pushed = self._make_room(trail[-1][at], bool(faint[at]), at_ns)
            events += pushed
            if room:
                place = kalman.start(trail[-1][at : at + 1], speed[at : at + 1])
                begun = born(self._next_id(), place, seen, int(fresh[at]), moments[0], at_ns)
                self.table = joined(self.table, begun)
                self.history.move(seq, int(begun.id[0]), [place[at] for place in trail])
        self._recognize(np.arange(len(self.table)) >= len(self.table) - len(fresh))
        return events

    def _make_room(self, place: Axes, faint: bool, at_ns: int) -> tuple[bool, list[FaceEvent]]:  # noqa: FBT001
        """Return whether one more face may be followed, and who had to go for it: a faint one takes nobody's place."""
        if len(self.table) < self._rules.max_faces:
            return True, []
        self._metrics.dropped("face_cap")
        row = None if faint else weakest(self.table, place, self.table.best_score < self._rules.count_score)
        if row is None:
            return False, []
        return True, self._keep(np.arange(len(self.table)) != row, at_ns)

    def _recognize(self, candidates: Mask) -> None:
        """Give unconfirmed faces the names of those who left and look the same."""
        table, gone = self.table, self._gone
        rows = np.flatnonzero(candidates & ~table.confirmed & (table.visit == 1) & (table.looks > 0))
        apart = gone.apart(table.begun_s[rows])
        # Who comes in half covered looks like nobody on the whole, and like somebody once seen clearly.
        found = recognized(gone.table.look, table.look[rows], apart)
        found = found or recognized(gone.table.look, table.glance[rows], apart)
        for known, at in sorted(found, reverse=True):
            row, back = rows[at : at + 1], gone.take(known)
            now_ns = table.born_ns[row].copy()
            self.history.rename(table.id[row], back.id)
            become(table, row, back, np.array([0]))
            table.visit[row] += 1
            table.born_ns[row] = now_ns
            # Proven before, it need not prove itself again; who flickers never did.
            table.hits[row] = np.maximum(table.hits[row], np.minimum(back.hits, self._rules.confirm_hits))
            table.confirmed[row] = table.appeared[row] = False
            self._metrics.count("faces_returned")

    def _confirm(self, at_ns: int, picture: Picture) -> list[FaceEvent]:
        table, rules = self.table, self._rules
        if not len(table) or table.appeared.all():
            return []
        self._recognize(~table.confirmed & (table.hits >= rules.confirm_hits))
        patience_s = np.where(table.visit > 1, 0, self._gone.patience_s(table.look, table.begun_s))
        waited = table.hit_s - table.begun_s >= patience_s
        table.confirmed |= waited & ((table.hits >= rules.confirm_hits) | (self._new_here() & (patience_s == 0)))
        counts = table.confirmed & (table.hits >= rules.confirm_hits) & (table.best_score >= rules.count_score)
        fresh = np.flatnonzero(counts & ~table.appeared)
        table.appeared |= counts
        return [story.appeared(table, int(row), self._camera, at_ns, picture) for row in fresh]

    def _new_here(self) -> Mask:
        """Return who cannot be one of those that were lost from sight, (N,)."""
        table = self.table
        lost = np.flatnonzero(table.confirmed & (table.misses > 0))
        unseen_s = self.now_s - table.hit_s[lost]
        return np.asarray(~near(table.xyxy[lost], table.xyxy, unseen_s).any(axis=0))

    def _keep(self, rows: Mask, at_ns: int) -> list[FaceEvent]:
        if rows.all():
            return []
        gone = np.flatnonzero(~rows & self.table.appeared)
        events = [story.left(self.table, int(row), self._camera, at_ns) for row in gone]
        self._gone.add(chosen(self.table, ~rows), self.now_s)
        self.table = chosen(self.table, rows)
        return events
