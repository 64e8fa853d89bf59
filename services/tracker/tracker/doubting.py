"""Measure what speaks for and against a face being somebody: place, time, and looks."""

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from tracker.history import Moment
from tracker.kalman import Axes
from tracker.motion import View
from tracker.observing import Observed
from tracker.recalling import likeness
from tracker.returning import MAYBE
from tracker.table import HALF_HIDDEN_SCORE, Ints, TrackTable

# Where places compete, looks decide: two people's differ by 0.1 and more.
UNLIKE_WEIGHT = 5.0
# How far from where it is believed a hidden face may come out: in its own sizes, and more with every second.
REACH, REACH_PER_S = 2.0, 6.0
# A face that is found so many of its heights from where it was believed had been lost.
ASTRAY = 0.2
# A correction by so many heights is doubted where the face looks like before, and by so much more so without it.
FAR, SEEN, CLEARLY = 0.12, 0.7, 0.2

Mask = NDArray[np.bool_]


def believed(table: TrackTable, moment: Moment, rows: Ints) -> Boxes:
    """Return where faces were believed to be at a past moment, (K, 4); where they are, if they were not known."""
    at = np.where(moment.ids == table.id[rows, None], np.arange(len(moment.ids)), -1).max(axis=1, initial=-1)
    place = table.filter.place[rows]
    place[at >= 0] = moment.place[at[at >= 0]]
    return cxcywh_to_xyxy(place)


def near(believed: Boxes, found: Boxes, unseen_s: NDArray[np.float64]) -> Mask:
    """Return which detections (M,) a face (K,) may have come to since it was seen last, (K, M)."""
    first, second = xyxy_to_cxcywh(believed), xyxy_to_cxcywh(found)
    distance = np.linalg.norm(first[:, None, :2] - second[None, :, :2], axis=2) / first[:, None, 3]
    return np.asarray(distance < REACH + REACH_PER_S * unseen_s[:, None])


def astray(innovation: Axes, place: Axes) -> Mask:
    """Return whose detection was so far from where they were believed that flow had lost them, (K,)."""
    return np.asarray(np.abs(innovation[:, :2]).max(axis=1, initial=0) > ASTRAY * place[:, 3])


def better_as_is(table: TrackTable, now: View, rows: Ints, innovation: Axes) -> Mask:
    """Return which faces (K,) are seen where they are now, and would not be where a past detection puts them.

    A face that was half hidden then is often detected in a wrong place.
    """
    place, patch = table.filter.place[rows], table.patch[rows]
    here, there = likeness(now, patch, place), likeness(now, patch, place + innovation)
    far = np.abs(innovation).max(axis=1, initial=0) > FAR * place[:, 3]
    return np.asarray(far & (here > SEEN) & (here > there + CLEARLY))


def better_there(table: TrackTable, now: View, row: Ints, there: Axes) -> bool:
    """Return whether a face (1,) is seen `there` (1, 4) and not, or less so, where it is; if it is not known, it is."""
    patch = table.patch[row]
    seen = float(likeness(now, patch, there)[0])
    return not patch.any() or seen > max(SEEN, float(likeness(now, patch, table.filter.place[row])[0]))


def alike(table: TrackTable, held: Ints, seen: Observed) -> NDArray[np.float64]:
    """Return how much each detection looks like who holds it, (M,); 1 where that cannot be said."""
    known = (held >= 0) & (table.looks[held] > 0) if len(table) else held >= 0
    found = np.ones(len(held))
    if known.any():
        found[known] = (table.look[held[known]] * seen.looks[known]).sum(axis=1)
    return found


def others_head(table: TrackTable, rows: Ints, seen: Observed, found: Ints) -> Mask:
    """Return which detections (K,) near faces (K,) that the last look missed show somebody who looks otherwise.

    Half hidden, somebody looks otherwise too, and is detected less surely than before.
    """
    whole = seen.clean[found] & (seen.scores[found] >= table.best_score[rows] - HALF_HIDDEN_SCORE)
    others = whole & (table.misses[rows] > 0) & (table.looks[rows] > 0)
    if others.any():
        others[others] = (table.look[rows[others]] * seen.looks[found[others]]).sum(axis=1) < MAYBE
    return np.asarray(others)


def unlike(table: TrackTable, rows: Ints, seen: Observed) -> NDArray[np.float64]:
    """Return the cost (N, M) of unlikeness, for detections that can be looked at."""
    cost = np.zeros((len(rows), len(seen.xyxy)))
    known = (rows >= 0) & (table.looks[rows] > 0) if len(table) else rows >= 0
    if known.any():
        likeness = table.look[rows[known]] @ seen.looks.T
        cost[known] = np.where(seen.clean, UNLIKE_WEIGHT * (1 - likeness), 0)
    return cost
