"""Make pseudo-truth of a real clip: what the detector found in every frame, linked by overlap."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.tracking.clips import Boxed, Rows, boxed
from facewire.boxes import iou

LINK_FRAMES = 8
"""A face that is missed no longer than this and found in the same place is the same; between, its way is straight."""
SHORTEST_FRAMES = 8
"""What is found in fewer frames is neither demanded nor held against anybody: it gets no visible share."""
LINK_IOU = 0.3


def linked(found: Boxed, frames: int) -> Boxed:
    """Return detections of every frame as true faces, wholly visible."""
    chains: list[list[int]] = []
    for frame in range(frames):
        rows = range(*found.at(frame).indices(len(found.frame)))
        open_chains = [chain for chain in chains if frame - found.frame[chain[-1]] <= LINK_FRAMES]
        taken = set()
        for chain, row in _pairs(found, open_chains, rows):
            chain.append(row)
            taken.add(row)
        chains += [[row] for row in rows if row not in taken]
    true: Rows = []
    for ident, chain in enumerate(chains):
        share = 1.0 if len(chain) >= SHORTEST_FRAMES else 0.0
        at = np.arange(found.frame[chain[0]], found.frame[chain[-1]] + 1)
        sides = [np.interp(at, found.frame[chain], found.xyxy[chain, side]) for side in range(4)]
        true += [(int(frame), ident, tuple(xyxy), share) for frame, *xyxy in zip(at, *sides, strict=True)]
    return boxed(sorted(true))


def _pairs(found: Boxed, chains: Sequence[list[int]], rows: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Yield chains and detections that belong together, the best overlap first."""
    overlap = iou(found.xyxy[[chain[-1] for chain in chains]], found.xyxy[list(rows)])
    while overlap.size and overlap.max() >= LINK_IOU:
        chain, row = divmod(int(overlap.argmax()), overlap.shape[1])
        overlap[chain], overlap[:, row] = 0, 0
        yield chains[chain], rows[row]
