"""Judge how well the detector supports each face: what is shown, and what may be found again without it.

YuNet's score is the root of two probabilities' product, so that 0.7 is even odds that a face is there, and 0.55 three
in ten. One detection of `COUNT_SCORE` is therefore good alone. A fainter one needs others at the same place: as many
as `CONFIRM_HITS` of one more look in a row, the M-of-N rule by which radars begin a track.
"""

import numpy as np
from numpy.typing import NDArray

from tracker.rules import Rules
from tracker.table import Ints, TrackTable

Mask = NDArray[np.bool_]


def hit(table: TrackTable, rows: Ints) -> None:
    """Note that the detector found faces (K,) when it looked."""
    table.answers[rows] = table.answers[rows] << 1 | 1


def missed(table: TrackTable, rows: Ints) -> None:
    """Note that the detector found no face at (K,) when it looked."""
    table.answers[rows] <<= 1
    table.misses[rows] += 1


def prove(table: TrackTable, rules: Rules) -> None:
    """Mark the faces that have enough detections to be shown."""
    table.answers &= (1 << rules.confirm_hits + 1) - 1
    table.proven |= good(table, rules) | (np.bitwise_count(table.answers) >= rules.confirm_hits)


def good(table: TrackTable, rules: Rules) -> Mask:
    """Return which faces were once detected as surely as a face that counts, (N,)."""
    return np.asarray(table.best_score >= rules.count_score)
