"""Move all faces from one frame to the next, by what is seen of their motion or else by their own speed."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import cxcywh_to_xyxy
from tracker import kalman
from tracker.history import Moment
from tracker.motion import Faces, MotionSource, View
from tracker.recalling import Patches, patches, recall
from tracker.table import TrackTable

SHORTEST_STEP_S = 0.001
# A face missed this often may be hidden, unless it is seen otherwise: flow would follow whatever hides it.
TRUST_FLOW_MISSES = 1
# How far a new face is searched for, in its heights, and by how much farther with every frame that it was not seen.
FIRST_REACH, REACH_A_FRAME, MOST_REACH = 0.4, 0.2, 1.2
COASTING_BRAKE = 0.95
SMALLEST_SIDE_PX = 4.0


def move(
    table: TrackTable,
    source: MotionSource,
    before: Moment,
    now: View,
    camera: NDArray[np.float64],
    dt_s: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Move the faces of a table.

    Args:
        table: is changed.
        source: sees motion.
        before: the earlier moment.
        now: the later view.
        camera: (2,) px by which the background moved last.
        dt_s: the time between the two.

    Returns:
        (2,) px by which the background moved now; and (N,) whose motion was seen.
    """
    dt_s, state = max(dt_s, SHORTEST_STEP_S), table.filter
    trusted = _rows((table.misses < TRUST_FLOW_MISSES) | (table.sighted_s >= before.now_s))
    flowing = np.zeros(len(table), bool)
    panned = np.zeros(4)
    if before.view.gray.shape == now.gray.shape:
        guess = state.speed[trusted, :2] * dt_s + camera
        seen = source.motion(before.view, now, Faces(table.id[trusted], table.xyxy[trusted], guess, camera))
        panned[:2] = seen.camera
        flowing[trusted] = seen.seen
        rows, theirs = _rows(flowing), _rows(seen.seen)
        grown = state.place[rows, 2:] * (seen.zoom[theirs, None] - 1)
        kalman.shift(state, rows, np.concatenate((seen.shift[theirs], grown), axis=1), panned, dt_s)
    if not flowing.all():
        # Of a face that is half hidden less and less is detected: it does not shrink any further by that.
        state.speed[~flowing, 2:] = 0
        kalman.predict(state, ~flowing, dt_s)
        state.place[~flowing] += panned
    if table.misses.any():
        state.speed[table.misses > 0] *= COASTING_BRAKE
    np.maximum(state.place[:, 2:], SMALLEST_SIDE_PX, out=state.place[:, 2:])
    return panned[:2], flowing


def _rows(chosen: NDArray[np.bool_]) -> kalman.Rows:
    return slice(None) if chosen.all() else chosen


def follow(place: kalman.Axes, moments: Sequence[Moment], source: MotionSource) -> list[kalman.Axes]:
    """Carry boxes (M, 4) from the first moment to the last; returns where they were in each."""
    trail, shift, camera = [place], np.zeros((len(place), 2)), np.zeros(2)
    apart, ids, blind = source.apart(), np.arange(len(place)), np.zeros(len(place))
    known = patches(moments[0].view, cxcywh_to_xyxy(place))
    for before, after in pairwise(moments):
        place = place.copy()
        if before.view.gray.shape == after.view.gray.shape:
            moved = apart.motion(before.view, after.view, Faces(ids, cxcywh_to_xyxy(place), shift, camera))
            # Where the source is blind, the last step is the best guess for this one.
            shift = np.where(moved.seen[:, None], moved.shift, shift)
            place[:, 2:] *= moved.zoom[:, None]
            camera = moved.camera
            blind = np.where(moved.seen, 0, blind + 1)
        place[:, :2] += shift
        if source.sees and blind.any():
            _pick_up(place, shift, blind, known, after.view)
        trail.append(place)
    return trail


def _pick_up(
    place: kalman.Axes,
    shift: NDArray[np.float64],
    blind: NDArray[np.float64],
    known: Patches,
    view: View,
) -> None:
    """Search for those of M boxes that were not seen for `blind` (M,) steps; all but the last two are changed."""
    rows = np.flatnonzero(blind)
    reach = np.minimum(FIRST_REACH + REACH_A_FRAME * blind[rows, None], (MOST_REACH, MOST_REACH / 2))
    seen = recall(view, known[rows], place[rows], reach, emerging=np.ones(len(rows), bool))
    rows, centre = rows[seen.found], seen.place[seen.found, :2]
    # What was missed was missed in as many steps.
    shift[rows] += (centre - place[rows, :2]) / blind[rows, None]
    place[rows] = seen.place[seen.found]
    blind[rows] = 0
