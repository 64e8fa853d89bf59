"""Judge how well the detector supports each face: what is shown, and what may be found again without it.

YuNet's score is the root of two probabilities' product: 0.7 is even odds that a face is there, 0.55 three in ten. So
one detection of `COUNT_SCORE` is good alone. A face without one is known by the detector's word only, from look to
look: it is shown while the last look found it, or `CONFIRM_HITS` of the last `CONFIRM_HITS` + 1 (the M-of-N rule by
which radars begin a track), is searched for nowhere, and is not remembered once it is gone. A good face is sure while
its detections are as good on average; one that is not sure is hidden sooner, and searched for nowhere either.
"""

import numpy as np
from numpy.typing import NDArray

from tracker.rules import Rules
from tracker.table import Ints, TrackTable

# Who was found again without the detector is taken back after so many of its looks that found nobody there.
MISSES_UNSUPPORTED = 2
# Who is not sure is not shown either where no motion was seen for so many frames.
UNSEEN_FRAMES = 2
# Of the mean score, what the newest detection makes out: about the last ten count.
NEW_SCORE_SHARE = 0.1

Mask = NDArray[np.bool_]


def hit(table: TrackTable, rows: Ints) -> None:
    """Note that the detector found faces (K,) when it looked."""
    table.answers[rows] = table.answers[rows] << 1 | 1
    table.doubted[rows] = False


def miss(table: TrackTable, rows: Ints) -> None:
    """Note that the detector found no face at (K,) when it looked."""
    table.answers[rows] <<= 1
    table.misses[rows] += 1


def good(table: TrackTable, rules: Rules) -> Mask:
    """Return which faces were once detected as surely as a face that counts, (N,)."""
    return np.asarray(table.best_score >= rules.count_score)


def sure(table: TrackTable, rules: Rules) -> Mask:
    """Return the good faces whose detections are as sure on average, (N,)."""
    return good(table, rules) & (table.mean_score >= rules.count_score)


def found_again(table: TrackTable) -> Mask:
    """Return which faces were found again by their looks, and by no detection since, (N,)."""
    return np.asarray(table.score == 0)


def withhold(table: TrackTable, rules: Rules) -> None:
    """Hide the faces that the detector's last looks do not support."""
    table.answers &= (1 << rules.confirm_hits + 1) - 1
    few = np.bitwise_count(table.answers) < rules.confirm_hits
    faint = (table.misses > 0) & few & ~good(table, rules)
    unseen = (table.misses > rules.confirm_hits) | (table.blind >= UNSEEN_FRAMES)
    table.hidden |= faint | (unseen & ~sure(table, rules)) | (found_again(table) & table.doubted)


def refuted(table: TrackTable) -> Mask:
    """Return which faces were found again where the detector looked and found nobody, (N,)."""
    return np.asarray(found_again(table) & (table.misses >= MISSES_UNSUPPORTED))
