"""The tracker's own last second, so that a detection of a past frame can be understood as of that frame."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.kalman import Axes
from tracker.motion import View

KEPT_FRAMES = 32
NEAR_FRAMES = 3
SHORTEST_S = 0.001


@dataclass(slots=True)
class Moment:
    """One past frame: when, what it looked like, and which track was believed where.

    Args:
        captured_ns: by the camera's clock.
        now_s: by the tracker's own.
        view: the picture.
        ids: (N,) who.
        place: (N, 4) where.
        detected: whether its detections have come.
    """

    captured_ns: int
    now_s: float
    view: View
    ids: NDArray[np.int64]
    place: Axes
    detected: bool = False

    def add(self, track_id: int, place: Axes) -> None:
        """Learn afterwards that a track was at `place` (4,) then."""
        self.ids = np.append(self.ids, track_id)
        self.place = np.concatenate((self.place, place[None]))


class History:
    """The latest moments by seq, oldest first."""

    def __init__(self) -> None:
        self._moments: OrderedDict[int, Moment] = OrderedDict()

    def add(self, seq: int, moment: Moment) -> None:
        """Remember a moment and forget the oldest."""
        self._moments[seq] = moment
        while len(self._moments) > KEPT_FRAMES:
            self._moments.popitem(last=False)

    def nearest(self, seq: int) -> tuple[int, Moment] | None:
        """Return the moment of a frame or, where that frame was skipped, of one close by; None if there is none."""
        if not self._moments:
            return None
        closest = min(self._moments, key=lambda known: abs(known - seq))
        return (closest, self._moments[closest]) if abs(closest - seq) <= NEAR_FRAMES else None

    def newest(self) -> tuple[int, Moment] | None:
        """Return the latest moment and its seq."""
        return next(reversed(self._moments.items()), None)

    @property
    def newest_seq(self) -> int:
        """The seq of the latest moment; -1 before the first."""
        return next(reversed(self._moments), -1)

    def since(self, seq: int) -> list[Moment]:
        """Return the moments from seq `seq` on, oldest first."""
        return [moment for known, moment in self._moments.items() if known >= seq]

    def correct(self, since: int, ids: NDArray[np.int64], moved: Axes) -> None:
        """Move the given tracks (K,) by `moved` (K, 4) in all moments from seq `since` on.

        What was learned about a past frame holds for the later ones too; without this, the next
        late detection would teach the same lesson twice.
        """
        for seq, moment in self._moments.items():
            if seq >= since:
                here, which = np.nonzero(moment.ids[:, None] == ids[None])
                moment.place[here] += moved[which]

    def bridge(self, ids: NDArray[np.int64], moved: Axes, since_s: NDArray[np.float64], now_s: float) -> None:
        """Understand that tracks (K,), unseen since (K,), turned up `moved` (K, 4) from where they were believed."""
        for moment in self._moments.values() if len(ids) else ():
            share = (moment.now_s - since_s) / np.maximum(now_s - since_s, SHORTEST_S)
            here, which = np.nonzero((moment.ids[:, None] == ids[None]) & (share > 0))
            moment.place[here, :2] += share[which, None] * moved[which, :2]

    def rename(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        """Understand that tracks (K,) were others all along; the two may hold the same ids in another order."""
        for moment in self._moments.values():
            row, which = np.nonzero(moment.ids[:, None] == before[None])
            moment.ids[row] = after[which]

    def move(self, since: int, track_id: int, places: Iterable[Axes]) -> None:
        """Understand that a track was at `places` (4,), in each moment from seq `since` on."""
        for moment, place in zip(self.since(since), places, strict=True):
            here = moment.ids == track_id
            if here.any():
                moment.place[here] = place
            else:
                moment.add(track_id, place)

    def shift(self, jump_ns: int) -> None:
        """Shift the times of all moments after a clock jump."""
        for moment in self._moments.values():
            moment.captured_ns = max(1, moment.captured_ns + jump_ns)

    def clear(self) -> None:
        """Forget everything."""
        self._moments.clear()
