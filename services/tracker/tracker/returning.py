"""Remember who is gone, and tell who of them came back; tell who is who after faces met."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.appearance import Looks
from tracker.association import cheapest
from tracker.table import Ints, TrackTable, chosen, joined

# Measured on composed people (docs/architecture.md, "Tracking"): one person's looks lie above, two people's below.
SAME_LOOK = 0.86
CLEARLY = 0.03
# By how much all together must look more alike before faces that met are told to have swapped.
SWAP_GAIN = 0.1
GONE_LIMIT = 200
# A new face that looks so much like one that is gone is looked at for so long before it counts: who comes in behind
# somebody else is seen whole only then.
MAYBE, PATIENCE_S = 0.78, 1.2


class Gone:
    """The confirmed faces that ended, for as long as they may come back.

    Args:
        within_s: how long that is.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._ended_s = np.empty(0)
        self.table = TrackTable()

    def apart(self, begun_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return who (row) may be a face that began when, (N, K): who was seen in the same frame is somebody else."""
        return np.asarray(self.table.hit_s[:, None] < begun_s)

    def patience_s(self, looks: Looks, begun_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for how long new faces (K, D) stay unconfirmed, (K,), since they may be one of these."""
        if not len(self.table):
            return np.zeros(len(looks))
        alike = (self.table.look @ looks.T >= MAYBE) | ~looks.any(axis=1)
        return np.where((alike & self.apart(begun_s)).any(axis=0), PATIENCE_S, 0.0)

    def add(self, ended: TrackTable, now_s: float) -> None:
        """Remember the rows of a table that were confirmed, in this visit or an earlier one, and looked at."""
        known = chosen(ended, (ended.confirmed | (ended.visit > 1)) & (ended.looks > 0))
        if len(known) and self._within_s:
            self.table = joined(self.table, known)
            self._ended_s = np.concatenate((self._ended_s, np.full(len(known), now_s)))
            self._keep(np.arange(len(self.table)) >= len(self.table) - GONE_LIMIT)

    def forget_old(self, now_s: float) -> None:
        """Forget who is gone for too long."""
        if len(self.table) and now_s - self._ended_s[0] > self._within_s:
            self._keep(now_s - self._ended_s <= self._within_s)

    def take(self, row: int) -> TrackTable:
        """Return somebody who is back, and no longer count them as gone."""
        rows = np.arange(len(self.table)) == row
        back = chosen(self.table, rows)
        self._keep(~rows)
        return back

    def _keep(self, rows: NDArray[np.bool_]) -> None:
        if not rows.all():
            self.table, self._ended_s = chosen(self.table, rows), self._ended_s[rows]


def recognized(known: Looks, seen: Looks, allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pair known looks (N, D) with seen ones (M, D), where a pair is alike, and clearly more so than any other.

    Args:
        known: of people.
        seen: of detections.
        allowed: (N, M) which may be one at all.

    Returns:
        (row, column), each once.
    """
    if not len(known) or not len(seen):
        return []
    alike = np.where(allowed, known @ seen.T, -1.0)
    found = []
    for row, column in zip(*np.nonzero(alike >= SAME_LOOK), strict=True):
        rivals = np.concatenate((np.delete(alike[row], column), np.delete(alike[:, column], row)))
        if alike[row, column] >= rivals.max(initial=-1.0) + CLEARLY:
            found.append((int(row), int(column)))
    return found


@dataclass(frozen=True, slots=True)
class Met:
    """Faces that met, and the detections that are theirs.

    Args:
        rows: (K,) of the table.
        detections: (L,) of those seen whole and alone.
        held: (L,) which of `rows`, as a place in it, holds the detection now; -1 for none.
        near: (K, L) whose detection it may be.
    """

    rows: Ints
    detections: Ints
    held: Ints
    near: NDArray[np.bool_]


def sorted_out(met: Met, known: Looks, seen: Looks) -> Ints:
    """Return who (place in `met.rows`) each detection belongs to, (L,), -1 for nobody: as now, or clearly better.

    Args:
        met: the faces.
        known: (K, D) what they looked like before.
        seen: (L, D) what the detections look like.
    """
    gain = known @ seen.T - SAME_LOOK
    columns = np.arange(len(met.detections))
    now = float(gain[met.held[met.held >= 0], columns[met.held >= 0]].sum())
    allowed = met.near & (gain > 0)
    # As many pairs as can be, then the most alike.
    pairs = cheapest(np.where(allowed, 1 - gain, 0), allowed)
    best = float(gain[pairs.first, pairs.second].sum())
    if best < now + SWAP_GAIN:
        return met.held
    held = np.full(len(columns), -1)
    held[pairs.second] = pairs.first
    return held
