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
from tracker.history import History, Moment
from tracker.motion import MotionSource, View
from tracker.moving import SMALLEST_SIDE_PX, follow
from tracker.observing import Observed
from tracker.returning import SAME_LOOK, Gone, Met, recognized, sorted_out
from tracker.rules import Rules
from tracker.table import Ints, TrackTable, become, chosen, joined, look_at, rows_of

# Who comes when all places are taken must be clearly larger than the smallest face that has one.
CLEARLY_LARGER = 1.3
# For faces that met, looks count as much as place: two people differ by 0.1 and more.
UNLIKE_WEIGHT = 5.0
# How far from where it is believed a hidden face may come out: in its own sizes, and more with every second.
REACH, REACH_PER_S = 2.0, 6.0
# A face that is found so many of its heights from where it was believed had been lost.
ASTRAY = 0.2
NOBODY = -1

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

    def end_the_lost(self, at_ns: int, size_px: tuple[int, int]) -> list[FaceEvent]:
        """End who was not detected for too long, or went out of the picture; returns who left."""
        self._gone.forget_old(self.now_s)
        centre = self.table.filter.place[:, :2]
        inside = ((centre >= 0) & (centre <= size_px)).all(axis=1)
        return self._keep((self.now_s - self.table.hit_s <= self._rules.coast_s) & inside, at_ns)

    def remember(self, seq: int, captured_ns: int, seen: View) -> None:
        """Write down what is believed now."""
        table = self.table
        table.age_frames += 1
        self.history.add(seq, Moment(captured_ns, self.now_s, seen, table.id.copy(), table.filter.place.copy()))

    def teach(self, seq: int, moment: Moment, seen: Observed, picture: Picture) -> list[FaceEvent]:
        """Learn from the detections of a past moment; returns who appeared and who left."""
        at_ns = moment.captured_ns
        holder = self._continue(seq, moment, seen)
        holder = self._sort_out_who_met(seq, moment, seen, holder)
        holder = self._rejoin(seq, moment, seen, holder)
        self._look(seen, holder)
        events = self._keep(self.table.confirmed | (self.table.misses == 0), at_ns)
        events += self._begin(seq, seen, np.flatnonzero((holder == NOBODY) & self._strong(seen)), at_ns)
        return events + self._confirm(at_ns, picture)

    def _strong(self, seen: Observed) -> Mask:
        return np.asarray(seen.scores >= self._rules.birth_score)

    def _continue(self, seq: int, moment: Moment, seen: Observed) -> Ints:
        """Correct who was detected, strong detections first; return the id that each detection continues (M,)."""
        rows = rows_of(self.table, moment.ids)
        open_rows = np.flatnonzero(rows >= 0)
        believed, strong = cxcywh_to_xyxy(moment.place), self._strong(seen)
        unlike = self._unlike(rows, seen)
        holder = np.full(len(seen.xyxy), NOBODY)
        for tier in (np.flatnonzero(strong), np.flatnonzero(~strong)):
            pairs = match(believed[open_rows], seen.xyxy[tier], unlike[open_rows][:, tier])
            hit, found = open_rows[pairs.first], tier[pairs.second]
            innovation = xyxy_to_cxcywh(seen.xyxy[found]) - moment.place[hit]
            self._hit(seq, rows[hit], innovation, seen.scores[found], moment.now_s)
            holder[found] = moment.ids[hit]
            for at in np.flatnonzero(self._astray(innovation, moment.place[hit]) & (seq != self.history.newest_seq)):
                # What it followed since then was something else.
                self._jump(seq, seen, int(found[at]), int(moment.ids[hit[at]]))
            open_rows = np.delete(open_rows, pairs.first)
        self.table.misses[rows[open_rows]] += 1
        return holder

    @staticmethod
    def _astray(innovation: Axes, place: Axes) -> Mask:
        """Return whose detection was so far from where they were believed that flow had lost them, (K,)."""
        return np.asarray(np.abs(innovation[:, :2]).max(axis=1, initial=0) > ASTRAY * place[:, 3])

    def _alike(self, held: Ints, seen: Observed) -> NDArray[np.float64]:
        """Return how much each detection looks like who holds it, (M,); 1 where that cannot be said."""
        known = (held >= 0) & (self.table.looks[held] > 0) if len(self.table) else held >= 0
        alike = np.ones(len(held))
        if known.any():
            alike[known] = (self.table.look[held[known]] * seen.looks[known]).sum(axis=1)
        return alike

    def _unlike(self, rows: Ints, seen: Observed) -> NDArray[np.float64]:
        """Return the cost (N, M) of unlikeness, for faces that met and detections that can be looked at."""
        cost = np.zeros((len(rows), len(seen.xyxy)))
        known = (rows >= 0) & (self.table.looks[rows] > 0) if len(self.table) else rows >= 0
        if known.any():
            alike = self.table.look[rows[known]] @ seen.looks.T
            cost[known] = np.where(seen.clean, UNLIKE_WEIGHT * (1 - alike), 0)
        return cost

    def _hit(self, seq: int, rows: Ints, innovation: Axes, scores: NDArray[np.float64], at_s: float) -> None:
        table = self.table
        moved = kalman.correct(table.filter, rows, innovation)
        np.maximum(table.filter.place[:, 2:], SMALLEST_SIDE_PX, out=table.filter.place[:, 2:])
        self.history.correct(seq, table.id[rows], moved)
        table.hits[rows] += 1
        self._found(rows, scores, at_s)

    def _found(self, rows: Ints, scores: NDArray[np.float64], at_s: float) -> None:
        table = self.table
        table.score[rows] = scores
        table.misses[rows] = 0
        table.hidden[rows] = False
        table.hit_s[rows] = at_s

    def _sort_out_who_met(self, seq: int, moment: Moment, seen: Observed, holder: Ints) -> Ints:
        """Give faces that met their own names back, where their looks say so clearly; return the new holders (M,)."""
        table = self.table
        held = rows_of(table, holder)
        clean = seen.clean & (self._strong(seen) | (held >= 0))
        strange = (held >= 0) & clean & (self._alike(held, seen) < SAME_LOOK)
        alone = np.zeros(len(table), bool)
        alone[held[(held >= 0) & clean]] = True
        doubtful = table.mixed | (table.misses > 0)
        doubtful[held[strange]] = True
        rows = np.flatnonzero(doubtful & (table.looks > 0) & (alone | (table.misses > 0)))
        detections = np.flatnonzero(clean & ((holder == NOBODY) | np.isin(held, rows)))
        if len(rows) < 2 or not len(detections):
            return holder
        place = np.where(held[detections, None] == rows, np.arange(len(rows)), NOBODY).max(axis=1)
        met = Met(rows, detections, place, self._near(self._believed(moment, rows), seen.xyxy[detections], moment.now_s, rows))
        now = sorted_out(met, table.look[rows], seen.looks[detections])
        changed = np.flatnonzero((now != place) & (now != NOBODY))
        if not len(changed):
            return holder
        self._metrics.count("ids_sorted_out")
        wanted = {int(detections[at]): int(table.id[rows[now[at]]]) for at in changed}
        return self._reassign(seq, seen, holder, wanted)

    def _believed(self, moment: Moment, rows: Ints) -> Boxes:
        """Return where faces were believed to be at a past moment, (K, 4); where they are, if they were not known."""
        at = np.where(moment.ids == self.table.id[rows, None], np.arange(len(moment.ids)), NOBODY).max(axis=1, initial=-1)
        place = self.table.filter.place[rows]
        place[at >= 0] = moment.place[at[at >= 0]]
        return cxcywh_to_xyxy(place)

    def _near(self, believed: Boxes, found: Boxes, at_s: float, rows: Ints) -> Mask:
        """Return which detections (M,) a face (K,) may have come to since it was seen last, (K, M)."""
        first, second = xyxy_to_cxcywh(believed), xyxy_to_cxcywh(found)
        distance = np.linalg.norm(first[:, None, :2] - second[None, :, :2], axis=2) / first[:, None, 3]
        unseen_s = np.maximum(at_s - self.table.hit_s[rows], 0)[:, None]
        return np.asarray(distance < REACH + REACH_PER_S * unseen_s)

    def _reassign(self, seq: int, seen: Observed, holder: Ints, wanted: dict[int, int]) -> Ints:
        """Let detections belong to other people: who holds one hands it over, and takes what the other had."""
        holder = holder.copy()
        for detection, person in wanted.items():
            other, had = int(holder[detection]), holder == person
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
        begun = kalman.start(trail[-1], _speed(trail, moments))
        for name in ("place", "speed", "place_variance", "covariance", "speed_variance"):
            getattr(self.table.filter, name)[row] = getattr(begun, name)
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
        near = self._near(self._believed(moment, rows), seen.xyxy[free], moment.now_s, rows)
        holder = holder.copy()
        for known, found in recognized(table.look[rows], seen.looks[free], near):
            self._jump(seq, seen, int(free[found]), int(table.id[rows[known]]))
            holder[free[found]] = table.id[rows[known]]
        return holder

    def _look(self, seen: Observed, holder: Ints) -> None:
        """Remember what the faces look like that were seen whole and alone."""
        rows = rows_of(self.table, holder)
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
        speed = _speed(trail, moments)
        events = []
        for at in np.argsort(-trail[-1][:, 2] * trail[-1][:, 3], kind="stable"):
            room, pushed = self._make_room(trail[-1][at], at_ns)
            events += pushed
            if room:
                place = kalman.start(trail[-1][at : at + 1], speed[at : at + 1])
                born = self._born(place, seen, int(fresh[at]), moments[0], at_ns)
                self.table = joined(self.table, born)
                self.history.move(seq, int(born.id[0]), [place[at] for place in trail])
        self._recognize(np.arange(len(self.table)) >= len(self.table) - len(fresh))
        return events

    def _make_room(self, place: Axes, at_ns: int) -> tuple[bool, list[FaceEvent]]:
        """Return whether one more face may be followed, and who had to go for it: the largest stay."""
        if len(self.table) < self._rules.max_faces:
            return True, []
        self._metrics.dropped("face_cap")
        sizes = self.table.filter.place[:, 2] * self.table.filter.place[:, 3]
        rivals = np.flatnonzero(CLEARLY_LARGER * sizes < place[2] * place[3])
        if not len(rivals):
            return False, []
        # Among those that are smaller: the smallest, and of like ones who is known for the shortest time.
        alike = rivals[sizes[rivals] <= CLEARLY_LARGER * sizes[rivals].min()]
        youngest = alike[np.argmin(self.table.age_frames[alike])]
        return True, self._keep(np.arange(len(self.table)) != youngest, at_ns)

    def _born(self, place: kalman.Filter, seen: Observed, detection: int, moment: Moment, at_ns: int) -> TrackTable:
        clean = bool(seen.clean[detection])
        look = seen.looks[detection : detection + 1]
        no = np.array([False])
        return TrackTable(
            filter=place,
            id=np.array([self._next_id()]),
            visit=np.array([1]),
            score=seen.scores[detection : detection + 1],
            hits=np.array([1]),
            misses=np.array([0]),
            confirmed=no.copy(),
            mixed=no.copy(),
            hidden=no.copy(),
            age_frames=np.array([0]),
            born_ns=np.array([at_ns]),
            hit_s=np.array([moment.now_s]),
            look=look if clean else np.zeros_like(look),
            looks=np.array([int(clean)]),
        )

    def _recognize(self, candidates: Mask) -> None:
        """Give unconfirmed faces the names of those who left and look the same."""
        table, gone = self.table, self._gone
        rows = np.flatnonzero(candidates & ~table.confirmed & (table.looks > 0))
        found = recognized(gone.table.look, table.look[rows], np.ones((len(gone.table), len(rows)), bool))
        for known, at in sorted(found, reverse=True):
            row, back = rows[at : at + 1], gone.take(known)
            now_ns = table.born_ns[row].copy()
            self.history.rename(table.id[row], back.id)
            become(table, row, back, np.array([0]))
            table.visit[row] += 1
            table.born_ns[row] = now_ns
            # Known before, it need not prove itself again.
            table.hits[row] = np.maximum(table.hits[row], self._rules.confirm_hits)
            table.confirmed[row] = False
            self._metrics.count("faces_returned")

    def _confirm(self, at_ns: int, picture: Picture) -> list[FaceEvent]:
        table = self.table
        fresh = ~table.confirmed & (table.hits >= self._rules.confirm_hits)
        if not fresh.any():
            return []
        self._recognize(fresh)
        known = table.visit > 1
        fresh &= known | (table.hits >= self._rules.confirm_hits + self._gone.patience(table.look))
        table.confirmed |= fresh
        return [
            story.appeared(table, int(row), self._camera, at_ns, picture) for row in np.flatnonzero(fresh)
        ]

    def _keep(self, rows: Mask, at_ns: int) -> list[FaceEvent]:
        if rows.all():
            return []
        gone = np.flatnonzero(~rows & self.table.confirmed)
        events = [story.left(self.table, int(row), self._camera, at_ns) for row in gone]
        self._gone.add(chosen(self.table, ~rows), self.now_s)
        self.table = chosen(self.table, rows)
        return events


def _speed(trail: list[Axes], moments: list[Moment]) -> Axes:
    """Return how fast boxes (M, 4) went along a trail, px/s; nothing is known from one moment."""
    passed_s = moments[-1].now_s - moments[0].now_s
    speed = np.zeros_like(trail[0])
    if passed_s > 0:
        speed[:, :2] = (trail[-1][:, :2] - trail[0][:, :2]) / passed_s
    return speed
