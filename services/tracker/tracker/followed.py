"""The faces that are followed, their last second, and who is gone: what is learned of one of the three holds in all."""

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, xyxy_to_cxcywh
from facewire.metrics import Metrics
from tracker import kalman
from tracker.births import speed_along
from tracker.drifting import forget, give_in, scatter
from tracker.history import History, Moment
from tracker.kalman import Axes
from tracker.motion import MotionSource
from tracker.moving import SMALLEST_SIDE_PX, follow
from tracker.returning import Gone
from tracker.rules import Rules
from tracker.support import NEW_SCORE_SHARE, found_again, good, hit, sure
from tracker.table import Ints, TrackTable, become, chosen, joined, rows_of

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Followed:
    """Who is followed.

    Args:
        rules: when a face counts, and for how long it may come back.
        source: sees motion.
        metrics: counts who came back.
    """

    def __init__(self, rules: Rules, source: MotionSource, metrics: Metrics) -> None:
        self._rules = rules
        self._metrics = metrics
        self.source = source
        self.table = TrackTable()
        self.history = History()
        self.gone = Gone(rules.return_within_s)
        self.now_s = 0.0
        """The tracker's own clock, which neither jumps nor stands still."""
        self.exchanged: list[tuple[int, int]] = []
        """Whose IDs turned out to have swapped; whoever reads it empties it."""

    def shift(self, jump_ns: int) -> None:
        """Shift all remembered times after a clock jump."""
        for table in (self.table, self.gone.table):
            table.born_ns[:] = np.maximum(table.born_ns + jump_ns, 1)
        self.history.shift(jump_ns)

    def correct(
        self, seq: int, rows: Ints, innovation: Axes, scores: Scores, at_s: float, whole: Mask, same: Mask
    ) -> None:
        """Pull faces (K,) to where they were detected: by (K, 4) px, in a past frame."""
        table = self.table
        moved = kalman.correct(table.filter, rows, innovation, scatter(table, rows, innovation, whole, same))
        moved += give_in(table, rows, innovation - moved)
        np.maximum(table.filter.place[:, 2:], SMALLEST_SIDE_PX, out=table.filter.place[:, 2:])
        self.history.correct(seq, table.id[rows], moved)
        table.hits[rows] += 1
        self.detect(rows, scores, at_s)

    def detect(self, rows: Ints, scores: Scores, at_s: float) -> None:
        """Understand that faces (K,) were detected, wherever."""
        table = self.table
        table.score[rows] = scores
        table.best_score[rows] = np.maximum(table.best_score[rows], scores)
        table.mean_score[rows] += NEW_SCORE_SHARE * (scores - table.mean_score[rows])
        table.misses[rows] = 0
        hit(table, rows)
        table.blind[rows] = 0
        table.hidden[rows] = False
        table.hit_s[rows] = at_s

    def trail(self, seq: int, xyxy: Boxes) -> tuple[list[Axes], list[Moment]]:
        """Follow boxes (M, 4) of a past frame until now; returns where they were in each of the moments since."""
        moments = self.history.since(seq)
        return follow(xyxy_to_cxcywh(xyxy).astype(np.float64), moments, self.source), moments

    def jump(self, seq: int, person: int, trail: list[Axes], moments: list[Moment], score: Scores) -> None:
        """Let a face go on at the end of the trail (1, 4) of its detection, wherever it was believed."""
        row = rows_of(self.table, np.array([person]))
        begun = kalman.start(trail[-1], speed_along(trail, moments))
        for name in ("place", "speed", "place_variance", "covariance", "speed_variance"):
            getattr(self.table.filter, name)[row] = getattr(begun, name)
        forget(self.table, row, moments[0].view, trail[0])
        self.history.move(seq, person, [place[0] for place in trail])
        self.detect(row, score, moments[0].now_s)

    def precede(self, seq: int, row: Ints, places: list[Axes], score: Scores, at_s: float) -> None:
        """Understand that a face (1,), which stays where it is, was at `places` (4,) before, and was detected there."""
        self.history.move(seq, int(self.table.id[row[0]]), places)
        self.table.hits[row] += 1
        self.detect(row, score, at_s)

    def exchange(self, first: int, second: int) -> None:
        """Give two people each other's place."""
        rows = rows_of(self.table, np.array((first, second)))
        become(self.table, rows, self.table, rows[::-1])
        self.history.rename(np.array((first, second)), np.array((second, first)))

    def begin(self, born: TrackTable) -> None:
        """Follow one more face."""
        self.table = joined(self.table, born)

    def resume(self, row: Ints, known: int) -> None:
        """Let an unconfirmed face (1,) turn out to be somebody who was gone, a row of `gone`."""
        table, back = self.table, self.gone.take(known)
        now_ns, glance = table.born_ns[row].copy(), table.glance[row].copy()
        self.history.rename(table.id[row], back.id)
        become(table, row, back, np.array([0]))
        table.visit[row] += 1
        table.born_ns[row], table.glance[row] = now_ns, glance
        # Proven before, it need not prove itself again; who flickers never did.
        table.hits[row] = np.maximum(table.hits[row], np.minimum(back.hits, self._rules.confirm_hits))
        table.confirmed[row] = table.appeared[row] = False
        self._metrics.count("faces_returned")

    def keep(self, rows: NDArray[np.bool_]) -> TrackTable:
        """Follow the chosen rows only, (N,); returns the others, who may come back."""
        ended = chosen(self.table, ~rows)
        if len(ended):
            ended.doubted |= found_again(ended) | ~sure(ended, self._rules)
            self.gone.add(chosen(ended, good(ended, self._rules)), self.now_s)
            self.table = chosen(self.table, rows)
        return ended
