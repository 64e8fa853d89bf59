"""The faces that are being followed, a row each."""

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy
from tracker.kalman import Filter

Ints = NDArray[np.int64]


def _ints() -> Ints:
    return np.empty(0, np.int64)


def _axes() -> NDArray[np.float64]:
    return np.empty((0, 4))


@dataclass(slots=True)
class TrackTable:
    """Columns of equal length, (N,) each, beside the filter's (N, 4)."""

    filter: Filter = field(default_factory=lambda: Filter(_axes(), _axes(), _axes(), _axes(), _axes()))
    id: Ints = field(default_factory=_ints)
    score: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    hits: Ints = field(default_factory=_ints)
    misses: Ints = field(default_factory=_ints)
    confirmed: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    age_frames: Ints = field(default_factory=_ints)
    born_ns: Ints = field(default_factory=_ints)
    hit_ns: Ints = field(default_factory=_ints)

    def __len__(self) -> int:
        return len(self.id)

    @property
    def xyxy(self) -> Boxes:
        """Where the faces are believed to be, (N, 4) px."""
        return cxcywh_to_xyxy(self.filter.place)


def rows_of(table: TrackTable, ids: Ints) -> Ints:
    """Return the row of each id (K,), -1 where it is no longer followed."""
    order = np.argsort(table.id)
    at = np.searchsorted(table.id, ids, sorter=order)
    candidates = order[np.minimum(at, len(order) - 1)] if len(order) else np.full(len(ids), -1)
    found = table.id[candidates] == ids if len(order) else np.zeros(len(ids), bool)
    return np.where(found, candidates, -1)


def chosen(table: TrackTable, rows: NDArray[np.bool_]) -> TrackTable:
    """Return the table with the chosen rows only, (N,) bool."""
    columns = {name: getattr(table, name)[rows] for name in _columns()}
    return TrackTable(Filter(*(getattr(table.filter, each.name)[rows] for each in fields(Filter))), **columns)


def joined(first: TrackTable, second: TrackTable) -> TrackTable:
    """Return both tables' rows in one."""
    columns = {name: np.concatenate((getattr(first, name), getattr(second, name))) for name in _columns()}
    state = (np.concatenate((getattr(first.filter, e.name), getattr(second.filter, e.name))) for e in fields(Filter))
    return TrackTable(Filter(*state), **columns)


def _columns() -> list[str]:
    return [each.name for each in fields(TrackTable) if each.name != "filter"]
