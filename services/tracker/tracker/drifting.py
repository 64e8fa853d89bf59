"""Notice where a face's box has drifted: what detections say alike in a row is no scatter.

The filter trusts flow far more than one detection, since detections scatter. Where a head turns, its box gets wider or
narrower and flow does not see that: then every detection lies off on the same side, and the filter would give in only
over seconds.
"""

import numpy as np

from tracker.kalman import Axes
from tracker.table import Ints, TrackTable

# Of what three detections in a row say alike. More follows detections closer on real clips, and their scatter too.
BELIEVED_SHARE = 0.5


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


def forget(table: TrackTable, rows: Ints) -> None:
    """Begin anew for faces (K,) that were put elsewhere."""
    table.residue[rows] = table.steady[rows] = 0


def _common(first: Axes, second: Axes) -> Axes:
    """Return how far two go in the same direction, (K, 4)."""
    return np.where(first * second > 0, np.sign(first) * np.minimum(np.abs(first), np.abs(second)), 0.0)
