"""Decide whose each detection is, and let who was detected go on from there: place first, looks where place cannot."""

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from facewire.metrics import Metrics
from tracker.association import match
from tracker.doubting import alike, astray, believed, better_as_is, better_there, near, others_head, unlike
from tracker.drifting import loosen
from tracker.followed import Followed
from tracker.history import Moment
from tracker.observing import Observed
from tracker.recalling import glances
from tracker.returning import MAYBE, SAME_LOOK, Met, recognized, sorted_out
from tracker.rules import Rules
from tracker.support import good, miss
from tracker.table import HALF_HIDDEN_SCORE, Ints, rows_of

NOBODY = -1

Mask = NDArray[np.bool_]


class Attribution:
    """Decides whose each detection is.

    Args:
        followed: the faces.
        rules: how good a detection must be to start a face, and to be one for sure.
        metrics: counts whose IDs were sorted out.
    """

    def __init__(self, followed: Followed, rules: Rules, metrics: Metrics) -> None:
        self._followed = followed
        self._rules = rules
        self._metrics = metrics

    def attribute(self, seq: int, moment: Moment, seen: Observed) -> Ints:
        """Let faces go on from the detections of a past moment; returns the id that each continues, (M,), or NOBODY."""
        holder = self._continue(seq, moment, seen)
        holder = self._unmask(seen, holder)
        holder = self._sort_out_who_met(seq, moment, seen, holder)
        return self._rejoin(seq, moment, seen, holder)

    def strong(self, seen: Observed) -> Mask:
        """Return which detections may start a face, (M,)."""
        return np.asarray(seen.scores >= self._rules.birth_score)

    def _continue(self, seq: int, moment: Moment, seen: Observed) -> Ints:
        """Correct who was detected, strong detections first; return the id that each detection continues (M,)."""
        table = self._followed.table
        rows = rows_of(table, moment.ids)
        missed = rows >= 0
        boxes, strong = cxcywh_to_xyxy(moment.place), self.strong(seen)
        cost = unlike(table, rows, seen)
        holder = np.full(len(seen.xyxy), NOBODY)
        for tier in filter(len, (np.flatnonzero(strong), np.flatnonzero(~strong))):
            open_rows = np.flatnonzero(missed)
            pairs = match(boxes[open_rows], seen.xyxy[tier], cost[open_rows][:, tier])
            hit, found = open_rows[pairs.first], tier[pairs.second]
            same = ~others_head(table, rows[hit], seen, found)
            hit, found = hit[same], found[same]
            self._correct(seq, moment, seen, hit, found)
            holder[found] = moment.ids[hit]
            missed[hit] = False
        miss(table, rows[missed])
        return holder

    def _correct(self, seq: int, moment: Moment, seen: Observed, hit: Ints, found: Ints) -> None:
        """Correct those of a moment (K,) who were hit by detections (K,)."""
        table, newest = self._followed.table, self._followed.history.newest()
        rows, place = rows_of(table, moment.ids[hit]), moment.place[hit]
        innovation = xyxy_to_cxcywh(seen.xyxy[found]) - place
        late = newest is not None and newest[0] > seq
        if newest is not None and late:
            innovation[better_as_is(table, newest[1].view, rows, innovation)] = 0
        same = loosen(table, rows, moment.view, place)
        # Half hidden, a face is detected less surely, and in a wrong place.
        faint = seen.scores[found] < table.best_score[rows] - HALF_HIDDEN_SCORE
        half = faint & (table.misses[rows] + table.blind[rows] > 0)
        self._followed.correct(seq, rows, innovation, seen.scores[found], moment.now_s, seen.clean[found] & ~half, same)
        table.face[rows] = glances(moment.view, moment.place[hit])
        for at in np.flatnonzero(late & astray(innovation, place)):
            # What it followed since then was something else.
            self._jump(seq, seen, int(found[at]), int(moment.ids[hit[at]]), doubted=True)

    def _jump(self, seq: int, seen: Observed, detection: int, person: int, *, doubted: bool = False) -> None:
        """Let a face go on from a detection; if that is doubted, only where it looks more like itself than now."""
        followed, found = self._followed, slice(detection, detection + 1)
        trail, moments = followed.trail(seq, seen.xyxy[found])
        row = rows_of(followed.table, np.array([person]))
        if not doubted or better_there(followed.table, moments[-1].view, row, trail[-1]):
            followed.jump(seq, person, trail, moments, seen.scores[found])

    def _unmask(self, seen: Observed, holder: Ints) -> Ints:
        """End who was taken for somebody who came back, and does not look it now; return the new holders (M,)."""
        table = self._followed.table
        held = rows_of(table, holder)
        claims = (held >= 0) & seen.clean
        claims[claims] = ~table.appeared[held[claims]] & (table.visit[held[claims]] > 1)
        wrong = claims & (alike(table, held, seen) < MAYBE)
        if not wrong.any():
            return holder
        self._metrics.count("returns_taken_back", int(wrong.sum()))
        self._followed.keep(~np.isin(table.id, holder[wrong]))
        return np.where(wrong, NOBODY, holder)

    def _sort_out_who_met(self, seq: int, moment: Moment, seen: Observed, holder: Ints) -> Ints:
        """Give faces that met their own names back, where their looks say so clearly; return the new holders (M,)."""
        table = self._followed.table
        held = rows_of(table, holder)
        clean = seen.clean & (self.strong(seen) | (held >= 0))
        strange = (held >= 0) & clean & (alike(table, held, seen) < SAME_LOOK)
        alone = np.zeros(len(table), bool)
        alone[held[(held >= 0) & clean]] = True
        doubtful = table.mixed | (table.misses > 0)
        doubtful[held[strange]] = True
        rows = np.flatnonzero(doubtful & good(table, self._rules) & (table.looks > 0) & (alone | (table.misses > 0)))
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
        unseen_s = np.maximum(moment.now_s - self._followed.table.hit_s[rows], 0)
        return near(believed(self._followed.table, moment, rows), found, unseen_s)

    def _reassign(self, seq: int, seen: Observed, holder: Ints, wanted: dict[int, int]) -> Ints:
        """Let detections belong to other people: who holds one hands it over, and takes what the other had."""
        holder = holder.copy()
        for detection, person in wanted.items():
            other, had = int(holder[detection]), holder == person
            self._followed.exchanged += [(person, other)] if NOBODY != other != person else []
            if other != person and (other == NOBODY or not had.any()):
                self._jump(seq, seen, detection, person)
                holder[had] = NOBODY
                self._followed.table.misses[rows_of(self._followed.table, np.array([other]))] += other != NOBODY
            elif other != person:
                self._followed.exchange(person, other)
                holder[had] = other
            holder[detection] = person
        return holder

    def _rejoin(self, seq: int, moment: Moment, seen: Observed, holder: Ints) -> Ints:
        """Let faces that were hidden go on where they come out, if they look it; return the new holders (M,)."""
        table = self._followed.table
        rows = np.flatnonzero(table.confirmed & good(table, self._rules) & (table.misses > 0) & (table.looks > 0))
        free = np.flatnonzero((holder == NOBODY) & self.strong(seen) & seen.clean)
        if not len(rows) or not len(free):
            return holder
        reach = self._reach(moment, rows, seen.xyxy[free])
        holder = holder.copy()
        for known, found in recognized(table.look[rows], seen.looks[free], reach):
            self._jump(seq, seen, int(free[found]), int(table.id[rows[known]]))
            holder[free[found]] = table.id[rows[known]]
        return holder
