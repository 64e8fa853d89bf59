"""Prepare tracks for the metrics: what is not to be judged is taken out, as MOTChallenge does with its distractors.

A true face counts where at least a quarter of it is visible. The others, hidden or outside, are neither demanded nor
held against a method: a track that lies on one, and on none that counts, is taken out of its frame together with it.
"""

from dataclasses import dataclass

import lap
import numpy as np
from numpy.typing import NDArray

from benchmarks.tracking.clips import Boxed, Boxes, Ints
from facewire.boxes import iou

COUNTS_FROM = 0.25
MATCH_IOU = 0.5
"""MOTChallenge's."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Truth and tracks of a clip, with what is to be judged only: rows of the two, sorted by frame."""

    truth: Boxed
    tracks: Boxed


def judged(truth: Boxed, tracks: Boxed, frames: int) -> Judged:
    """Take out what is not to be judged."""
    counts = truth.share >= COUNTS_FROM
    kept = np.ones(len(tracks.frame), bool)
    for frame in range(frames):
        there, here = truth.at(frame), tracks.at(frame)
        kept[here] = ~_excused(truth.xyxy[there], counts[there], tracks.xyxy[here])
    return Judged(truth.chosen(counts), tracks.chosen(kept))


def _excused(true: Boxes, counts: NDArray[np.bool_], tracked: Boxes) -> NDArray[np.bool_]:
    """Return which tracks (M,) lie on a true face that does not count; faces that do are given theirs first."""
    excused = np.zeros(len(tracked), bool)
    if counts.all() or not len(tracked):
        return excused
    overlap = iou(true, tracked)
    worth = np.where(overlap >= MATCH_IOU, overlap + 2.0 * counts[:, None], 0)
    _, columns, _ = lap.lapjv(worth.max() - worth, extend_cost=True)
    for row, column in enumerate(columns):
        if column >= 0 and worth[row, column] > 0 and not counts[row]:
            excused[column] = True
    return excused


def known(truth: Boxed, late: int, forgotten: int) -> Boxed:
    """Return the truth without what cannot be known when detections arrive `late` frames after their own.

    That is everybody's first `late` frames, and those after having been out of sight for `forgotten` frames or more.
    """
    kept = np.ones(len(truth.frame), bool)
    for ident in np.unique(truth.ident):
        rows = np.flatnonzero(truth.ident == ident)
        seen = truth.frame[rows[truth.share[rows] >= COUNTS_FROM]]
        for entry in seen[np.diff(seen, prepend=-forgotten - 1) > forgotten]:
            unknown = (truth.frame[rows] >= entry) & (truth.frame[rows] < entry + late)
            kept[rows[unknown]] = False
    return truth.chosen(kept)


def numbered(ident: Ints) -> Ints:
    """Return ids counted from 0 without gaps."""
    return np.unique(ident, return_inverse=True)[1].astype(np.int64)
