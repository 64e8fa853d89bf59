"""Notice where a face's box has drifted: what detections say alike in a row is no scatter.

The filter trusts flow far more than one detection, since detections scatter. Where a head turns, its box gets wider or
narrower and flow does not see that: then every detection lies off on the same side, and the filter would give in only
over seconds. Nor does it in a face that looks otherwise than in its last detection: there its box is as uncertain as
the look is changed.
"""

import numpy as np
from numpy.typing import NDArray

from tracker import kalman
from tracker.kalman import Axes
from tracker.motion import View
from tracker.recalling import glances, similarity
from tracker.table import Ints, TrackTable

Mask = NDArray[np.bool_]

# Of what three detections in a row say alike. More follows detections closer on real clips, and their scatter too.
BELIEVED_SHARE = 0.5
# Scatter between looks is a part of a detector's error: its bias on the network's grid lasts for several.
DEVIATIONS = 3.0
# Of `kalman.MEASURED`: no detection is exact.
LEAST_SCATTER = 0.05
# Of a face that was seen little, as if it was known from so many steps: 0.4 of `MEASURED`, between what smooths and
# what follows.
PRIOR, PRIOR_STEPS = 0.02, 8
# A lasting change of light or distance counts after so many steps; one step, for no more than `MEASURED`.
STEPS_LIMIT, LARGEST_STEP = 20, 1.0
# A step clearly beyond `MEASURED` is odd where a face looks as before: the next ones will tell.
ODD_STEP = 1.3
# From this likeness down a face has changed, and its box by so many of its heights for each 1 of it. Measured: composed
# faces, which do not turn, are mostly alike by more; where real ones are by less, detections lie off by 5 to 15 %.
UNCHANGED = 0.9
CHANGED = np.array((0.5, 0.5, 1.5, 1.5))


def scatter(table: TrackTable, rows: Ints, innovation: Axes, whole: Mask, same: Mask) -> NDArray[np.float64]:
    """Learn how much the detections of faces scatter; return it (K, 1) as a share of `kalman.MEASURED`.

    The next step takes scatter back, and no change of a face: minus the mean product of neighbouring steps is the
    variance of the scatter (Mehra, "On the identification of variances and adaptive Kalman filtering", 1970).

    Args:
        table: is changed.
        rows: (K,) who was detected, each once.
        innovation: (K, 4) px by which the detections lie off the places that are believed before them.
        whole: (K,) whose face is seen whole and alone; of the others all of `MEASURED` is returned.
        same: (K,) who looks as in the last detection.
    """
    step = (innovation - table.residue[rows]) / (kalman.MEASURED * table.filter.place[rows, 3:])
    odd = same & (np.abs(step).max(axis=1, initial=0) > ODD_STEP)
    step = step.clip(-LARGEST_STEP, LARGEST_STEP)
    taken_back = -(step * table.step[rows]).mean(axis=1)
    known = np.minimum(table.steps[rows], STEPS_LIMIT) + PRIOR_STEPS
    mean = np.where(table.steps[rows] > 0, table.taken_back[rows], PRIOR)
    follows = table.step[rows].any(axis=1)
    mean = np.where(follows, (mean * known + taken_back) / (known + 1), mean)
    table.taken_back[rows], table.step[rows] = mean, step
    table.steps[rows] += 1
    share = (DEVIATIONS * np.sqrt(np.maximum(mean, 0))).clip(LEAST_SCATTER, 1.0)
    return np.where(whole & ~odd, share, 1.0)[:, None]


def give_in(table: TrackTable, rows: Ints, residue: Axes) -> Axes:
    """Move faces to where their last three detections, all of them, say that they are.

    Args:
        table: is changed.
        rows: (K,) who was detected, each once.
        residue: (K, 4) px by which the detections lie off the places that are believed after them.

    Returns:
        (K, 4) px by how much each place was moved.
    """
    twice = _common(residue, table.residue[rows])
    moved = BELIEVED_SHARE * _common(twice, table.steady[rows])
    table.filter.place[rows] += moved
    table.residue[rows], table.steady[rows] = residue - moved, twice
    return moved


def loosen(table: TrackTable, rows: Ints, view: View, place: Axes) -> Mask:
    """Trust the places of faces less that look otherwise than in their last detection; return the others, (K,).

    Args:
        table: is changed.
        rows: (K,) who was detected, each once.
        view: the picture of that detection.
        place: (K, 4) where they were believed in it.
    """
    alike = similarity(table.face[rows], glances(view, place))
    # Of whom no motion is seen may be half hidden, and detected in a wrong place.
    changed = np.where(table.blind[rows] == 0, np.maximum(UNCHANGED - alike, 0), 0)
    kalman.loosen(table.filter, rows, CHANGED * changed[:, None] * place[:, 3:])
    return np.asarray(alike >= UNCHANGED)


def forget(table: TrackTable, rows: Ints, view: View, place: Axes) -> None:
    """Begin anew for faces (K,) that were put where they were detected, at `place` (K, 4) in a picture."""
    table.residue[rows] = table.steady[rows] = table.step[rows] = 0
    table.face[rows] = glances(view, place)


def _common(first: Axes, second: Axes) -> Axes:
    """Return how far two go in the same direction, (K, 4)."""
    return np.where(first * second > 0, np.sign(first) * np.minimum(np.abs(first), np.abs(second)), 0.0)
