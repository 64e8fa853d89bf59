"""Move all faces from one frame to the next, by what is seen of their motion or else by their own speed."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import cxcywh_to_xyxy
from tracker import kalman
from tracker.history import Moment
from tracker.motion import Faces, MotionSource, View, in_front
from tracker.table import TrackTable

SHORTEST_STEP_S = 0.001
# A face missed this often may be hidden: flow would follow whatever hides it.
TRUST_FLOW_MISSES = 1
HIDDEN_MISSES = 3
# Nor is it shown where no motion of it was seen for so long.
HIDDEN_FRAMES = 6
COASTING_BRAKE = 0.95
SMALLEST_SIDE_PX = 4.0


def move(
    table: TrackTable, source: MotionSource, before: View, now: View, camera: NDArray[np.float64], dt_s: float
) -> tuple[NDArray[np.float64], int]:
    """Move the faces of a table.

    Args:
        table: is changed.
        source: sees motion.
        before: the earlier view.
        now: the later view.
        camera: (2,) px by which the background moved last.
        dt_s: the time between the two.

    Returns:
        (2,) px by which the background moved now; and of how many faces no motion was seen.
    """
    dt_s, state, xyxy = max(dt_s, SHORTEST_STEP_S), table.filter, table.xyxy
    trusted = np.flatnonzero((table.misses < TRUST_FLOW_MISSES) & (before.gray.shape == now.gray.shape))
    flowing = np.zeros(len(table), bool)
    panned = np.zeros(4)
    if before.gray.shape == now.gray.shape:
        guess = state.speed[trusted, :2] * dt_s + camera
        seen = source.motion(before, now, Faces(table.id[trusted], xyxy[trusted], guess, camera))
        panned[:2] = seen.camera
        flowing[trusted[seen.seen]] = True
        grown = state.place[flowing, 2:] * (seen.zoom[seen.seen, None] - 1)
        kalman.shift(state, flowing, np.concatenate((seen.shift[seen.seen], grown), axis=1), panned, dt_s)
    if not flowing.all():
        kalman.predict(state, ~flowing, dt_s)
        state.place[~flowing] += panned
    state.speed[table.misses > 0] *= COASTING_BRAKE
    np.maximum(state.place[:, 2:], SMALLEST_SIDE_PX, out=state.place[:, 2:])
    meets = in_front(xyxy)
    table.mixed |= meets.any(axis=0) | meets.any(axis=1)
    # Behind another face it is known why nothing is seen, and for how short a time.
    unexplained = source.sees & ~meets.any(axis=1)
    table.blind[:] = np.where(flowing, 0, table.blind + unexplained)
    lost = (table.misses >= HIDDEN_MISSES) | (table.blind >= HIDDEN_FRAMES)
    table.hidden[:] = table.confirmed & lost
    return panned[:2], int((~flowing).sum()) if source.sees else 0


def follow(place: kalman.Axes, moments: Sequence[Moment], source: MotionSource) -> list[kalman.Axes]:
    """Carry boxes (M, 4) from the first moment to the last; returns where they were in each."""
    trail, shift, camera = [place], np.zeros((len(place), 2)), np.zeros(2)
    apart, ids = source.apart(), np.arange(len(place))
    for before, after in pairwise(moments):
        place = place.copy()
        if before.view.gray.shape == after.view.gray.shape:
            faces = Faces(ids, cxcywh_to_xyxy(place), shift, camera)
            moved = apart.motion(before.view, after.view, faces)
            # Where the source is blind, the last step is the best guess for this one.
            shift = np.where(moved.seen[:, None], moved.shift, shift)
            place[:, 2:] *= moved.zoom[:, None]
            camera = moved.camera
        place[:, :2] += shift
        trail.append(place)
    return trail
