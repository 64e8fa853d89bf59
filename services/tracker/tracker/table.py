"""The faces that are being followed, a row each."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from tracker.appearance import Looks
from tracker.kalman import Axes, Filter
from tracker.observing import Observed
from tracker.recalling import GLANCED, PATCH_HEIGHT, PATCH_WIDTH, Glances, Patches, similarity

Ints = NDArray[np.int64]
# Who somebody is, as against where: what moves when two faces turn out to have swapped.
IDENTITY = (
    *("id", "visit", "best_score", "mean_score", "doubted", "confirmed", "appeared", "age_frames", "born_ns"),
    *("look", "looks", "glance", "patch", "patch_s", "patch_size"),
)
# After so many looks at a face a new one counts this little: light and clothes may change in the long run.
LOOKS_LIMIT = 20
# A patch is kept for so long while new ones look unlike it: they may show what hides a part of the face.
PATCH_LASTS_S, SAME_PATCH = 0.7, 0.8
# Measured: whole faces are detected with scores of 0.9, half hidden ones with 0.5 to 0.85.
HALF_HIDDEN_SCORE = 0.06


def _ints() -> Ints:
    return np.empty(0, np.int64)


def _floats() -> NDArray[np.float64]:
    return np.empty(0)


def _flags() -> NDArray[np.bool_]:
    return np.empty(0, bool)


def _axes() -> NDArray[np.float64]:
    return np.empty((0, 4))


@dataclass(slots=True)
class TrackTable:
    """Columns of equal length, (N,) each, beside the filter's (N, 4) and the looks (N, D).

    Args:
        filter: where the face is.
        id: who it is.
        visit: how often this id has appeared, from 1.
        score: the last detection's.
        best_score: the highest of all detections.
        mean_score: the mean of the latest, by and by.
        hits: detections so far; before it is proven, in a row.
        misses: detections since, in which it was not found.
        answers: the latest looks of the detector, a bit each, the last one lowest: 1 where it was detected.
        doubted: whether it ended in sight, and no detection told of it.
        confirmed: whether it has an ID that stays, and is worth showing.
        appeared: whether it counts, and was said to be there.
        mixed: whether it met another face since it was last seen alone.
        blind: frames since motion was last seen of it.
        hidden: whether it is believed not to be seen now.
        age_frames: how long it is followed.
        born_ns: when its visit began, by the camera's clock.
        begun_s: when it was first detected, by the tracker's own clock.
        hit_s: when it was last detected, by the same.
        look: what it looks like, the mean over `looks` detections.
        looks: of how many.
        glance: what it looked like in the latest of this visit's; all 0 before it was seen whole in it.
        residue: by how much the last detection lay off the place that was believed after it, (N, 4) px.
        steady: how much of that the one before had said too, (N, 4) px.
        step: by how much the last detection lay off the one before, moved as the face did, (N, 4) in `kalman.MEASURED`.
        taken_back: how much of such steps the next ones took back, the mean of `steps` products.
        steps: of how many.
        face: (N, ...) what was seen, when it was last detected, where it was believed then.
        sighted_s: when it was last seen where it is, in whatever way, by the tracker's own clock.
        patch_s: when the patch was taken, by the same.
        patch_size: (N, 2) width and height of the face then, px.
        patch: (N, ...) what is searched for when flow has lost it; all 0 before it was seen alone.
    """

    filter: Filter = field(default_factory=lambda: Filter(_axes(), _axes(), _axes(), _axes(), _axes()))
    id: Ints = field(default_factory=_ints)
    visit: Ints = field(default_factory=_ints)
    score: NDArray[np.float64] = field(default_factory=_floats)
    best_score: NDArray[np.float64] = field(default_factory=_floats)
    mean_score: NDArray[np.float64] = field(default_factory=_floats)
    hits: Ints = field(default_factory=_ints)
    misses: Ints = field(default_factory=_ints)
    answers: Ints = field(default_factory=_ints)
    doubted: NDArray[np.bool_] = field(default_factory=_flags)
    confirmed: NDArray[np.bool_] = field(default_factory=_flags)
    appeared: NDArray[np.bool_] = field(default_factory=_flags)
    mixed: NDArray[np.bool_] = field(default_factory=_flags)
    blind: Ints = field(default_factory=_ints)
    hidden: NDArray[np.bool_] = field(default_factory=_flags)
    age_frames: Ints = field(default_factory=_ints)
    born_ns: Ints = field(default_factory=_ints)
    begun_s: NDArray[np.float64] = field(default_factory=_floats)
    hit_s: NDArray[np.float64] = field(default_factory=_floats)
    look: Looks = field(default_factory=lambda: np.empty((0, 0), np.float32))
    looks: Ints = field(default_factory=_ints)
    glance: Looks = field(default_factory=lambda: np.empty((0, 0), np.float32))
    residue: Axes = field(default_factory=_axes)
    steady: Axes = field(default_factory=_axes)
    step: Axes = field(default_factory=_axes)
    taken_back: NDArray[np.float64] = field(default_factory=_floats)
    steps: Ints = field(default_factory=_ints)
    face: Glances = field(default_factory=lambda: np.empty((0, GLANCED), np.uint8))
    sighted_s: NDArray[np.float64] = field(default_factory=_floats)
    patch_s: NDArray[np.float64] = field(default_factory=_floats)
    patch_size: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    patch: Patches = field(default_factory=lambda: np.empty((0, PATCH_HEIGHT, PATCH_WIDTH), np.uint8))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def xyxy(self) -> Boxes:
        """Where the faces are believed to be, (N, 4) px."""
        return cxcywh_to_xyxy(self.filter.place)


def rows_of(table: TrackTable, ids: Ints) -> Ints:
    """Return the row of each id (K,), -1 where it is no longer followed."""
    if not len(table):
        return np.full(len(ids), -1)
    same = table.id[None] == ids[:, None]
    return np.where(same.any(axis=1), same.argmax(axis=1), -1)


def chosen(table: TrackTable, rows: NDArray[np.bool_]) -> TrackTable:
    """Return the table with the chosen rows only, (N,) bool."""
    columns = {name: getattr(table, name)[rows] for name in _columns()}
    return TrackTable(Filter(*(getattr(table.filter, each.name)[rows] for each in fields(Filter))), **columns)


def joined(first: TrackTable, second: TrackTable) -> TrackTable:
    """Return both tables' rows in one."""
    if not len(first):
        return second
    columns = {name: np.concatenate((getattr(first, name), getattr(second, name))) for name in _columns()}
    state = (np.concatenate((getattr(first.filter, e.name), getattr(second.filter, e.name))) for e in fields(Filter))
    return TrackTable(Filter(*state), **columns)


def become(table: TrackTable, rows: Ints, others: TrackTable, their_rows: Ints) -> None:
    """Give rows (K,) the identity of rows of another table; where they are stays as it is."""
    taken: dict[str, Any] = {name: getattr(others, name)[their_rows].copy() for name in IDENTITY}
    for name, values in taken.items():
        getattr(table, name)[rows] = values


def look_at(table: TrackTable, rows: Ints, looks: Looks) -> None:
    """Remember what faces look like: a running mean of (K, D) for rows (K,), and the latest."""
    seen = np.minimum(table.looks[rows], LOOKS_LIMIT)[:, None]
    mean = (table.look[rows] * seen + looks) / (seen + 1)
    table.look[rows] = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    table.looks[rows] += 1
    table.glance[rows] = looks


def imprint(table: TrackTable, rows: Ints, seen: Observed, found: Ints, at_s: float) -> None:
    """Remember as what rows (K,) are to be searched for, from the detections (K,) that found them.

    What looks otherwise all at once may be half hidden, and half a face is detected less surely than a whole one.
    """
    patches = seen.patches[found]
    fresh = (at_s - table.patch_s[rows] > PATCH_LASTS_S) | ~table.patch[rows].any(axis=(1, 2))
    fresh |= similarity(table.patch[rows], patches) > SAME_PATCH
    fresh &= patches.any(axis=(1, 2)) & (seen.scores[found] >= table.best_score[rows] - HALF_HIDDEN_SCORE)
    rows, found = rows[fresh], found[fresh]
    table.patch[rows] = seen.patches[found]
    table.patch_s[rows] = at_s
    table.patch_size[rows] = xyxy_to_cxcywh(seen.xyxy[found])[:, 2:]


def _columns() -> list[str]:
    return [each.name for each in fields(TrackTable) if each.name != "filter"]
