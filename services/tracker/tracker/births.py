"""Make the table's row of a face that begins, and choose who has to go for it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import xyxy_to_cxcywh
from tracker import kalman
from tracker.history import Moment
from tracker.kalman import Axes
from tracker.observing import Observed
from tracker.recalling import glances
from tracker.table import TrackTable

# Who comes when all places are taken must be clearly larger than the face that it takes the place of.
CLEARLY_LARGER = 1.3
# A faint face is missed now and then, twice in a row too; what a detector makes up it finds once.
FLICKER_MISSES = 3


def born(track_id: int, place: kalman.Filter, seen: Observed, detection: int, moment: Moment, at_ns: int) -> TrackTable:
    """Return one row: an unconfirmed face with a new id, at `place` now, as a detection of a past moment showed it."""
    clean = bool(seen.clean[detection])
    look = seen.looks[detection : detection + 1]
    no = np.array([False])
    return TrackTable(
        filter=place,
        id=np.array([track_id]),
        visit=np.array([1]),
        score=seen.scores[detection : detection + 1],
        best_score=seen.scores[detection : detection + 1].copy(),
        mean_score=seen.scores[detection : detection + 1].copy(),
        hits=np.array([1]),
        misses=np.array([0]),
        answers=np.array([1]),
        doubted=no.copy(),
        confirmed=no.copy(),
        appeared=no.copy(),
        mixed=no.copy(),
        blind=np.array([0]),
        hidden=no.copy(),
        age_frames=np.array([0]),
        born_ns=np.array([at_ns]),
        begun_s=np.array([moment.now_s]),
        hit_s=np.array([moment.now_s]),
        look=look if clean else np.zeros_like(look),
        looks=np.array([int(clean)]),
        glance=look.copy() if clean else np.zeros_like(look),
        residue=np.zeros((1, 4)),
        steady=np.zeros((1, 4)),
        step=np.zeros((1, 4)),
        taken_back=np.zeros(1),
        steps=np.array([0]),
        face=glances(moment.view, xyxy_to_cxcywh(seen.xyxy[detection : detection + 1])),
        sighted_s=np.array([moment.now_s]),
        patch_s=np.array([moment.now_s]),
        patch_size=place.place[:, 2:].copy(),
        patch=seen.patches[detection : detection + 1],
    )


def revived(back: TrackTable, place: Axes, now_s: float, at_ns: int, confirm_hits: int) -> TrackTable:
    """Return somebody's row as they come back to a place (4,): known, and seen by no detector yet.

    Args:
        back: their row, when they left.
        place: where they are.
        now_s: by the tracker's own clock.
        at_ns: by the camera's.
        confirm_hits: how many detections prove a face; they need one more, whatever they had.
    """
    return replace(
        back,
        filter=kalman.start(place[None]),
        visit=back.visit + 1,
        score=np.zeros(1),
        hits=back.hits.clip(0, min(1, confirm_hits - 1)),
        misses=np.zeros(1, np.int64),
        answers=np.zeros(1, np.int64),
        appeared=np.zeros(1, bool),
        mixed=np.zeros(1, bool),
        blind=np.zeros(1, np.int64),
        hidden=back.doubted.copy(),
        born_ns=np.array([at_ns]),
        begun_s=np.array([now_s]),
        hit_s=np.array([now_s]),
        glance=np.zeros_like(back.glance),
        residue=np.zeros((1, 4)),
        steady=np.zeros((1, 4)),
        step=np.zeros((1, 4)),
        taken_back=np.zeros(1),
        steps=np.array([0]),
        sighted_s=np.array([now_s]),
    )


def speed_along(trail: list[Axes], moments: list[Moment]) -> Axes:
    """Return how fast boxes (M, 4) went along a trail, px/s; nothing is known from one moment."""
    passed_s = moments[-1].now_s - moments[0].now_s
    speed = np.zeros_like(trail[0])
    if passed_s > 0:
        speed[:, :2] = (trail[-1][:, :2] - trail[0][:, :2]) / passed_s
    return speed


def flickers(table: TrackTable, confirm_hits: int) -> NDArray[np.bool_]:
    """Let who is missed before it is proven begin to prove itself anew; return who is nobody.

    Args:
        table: is changed.
        confirm_hits: how many detections in a row prove a face.

    Returns:
        (N,) of those who was missed for long, or is not seen where it was found, or stands before another face.
    """
    missed = (table.misses > 0) & ~table.appeared & (table.hits < confirm_hits)
    table.hits[missed] = 0
    still_there = table.confirmed & (table.blind == 0) & ~table.mixed & (table.misses < FLICKER_MISSES)
    return np.asarray(missed & ~still_there)


def weakest(table: TrackTable, place: Axes, doubtful: NDArray[np.bool_]) -> int | None:
    """Return the row that has to go for a face that is none of the doubtful, or None.

    Args:
        table: the faces.
        place: (4,) of the new one.
        doubtful: (N,) who may be no face: they go first; of the others the largest stay, of like ones who is known
            longest.
    """
    sizes = table.filter.place[:, 2] * table.filter.place[:, 3]
    rivals = np.flatnonzero(doubtful if doubtful.any() else CLEARLY_LARGER * sizes < place[2] * place[3])
    if not len(rivals):
        return None
    alike = rivals[sizes[rivals] <= CLEARLY_LARGER * sizes[rivals].min()]
    return int(alike[np.argmin(table.age_frames[alike])])
