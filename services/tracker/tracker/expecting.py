"""Look out for people who left: where something stirs that no face explains, one of them may be coming back.

What they looked like is known, so that nobody has to wait for a detector that is slow, or looks seldom.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from facewire.boxes import Boxes, cxcywh_to_xyxy, iou, points_at
from tracker.appearance import Describer
from tracker.kalman import Axes
from tracker.motion import View
from tracker.recalling import SURE, TAKEN_IOU, Point, look_like, spot, untaken
from tracker.table import Ints, TrackTable

# Cells of so many pixels of the view; by how many of 255 grey levels they change from one frame to the next if
# something moves there; and how many there must be: less is noise.
CELL_PX = 8
STIRS_FROM = 5.0
FEWEST_CELLS = 3
# What a followed face explains, in its widths and heights: its head, and from the chin down its body.
HEAD_AND_BODY = points_at(np.array(((-0.3, -0.4), (1.3, 1.0), (-0.8, 1.0), (1.8, 4.0))))
# So many searches a frame, whoever is gone and whatever stirs.
MOST_SEARCHES = 2
CLEARLY = 0.03
# What stirs when somebody comes in, or out from behind something, is larger than half a face. Most hands are smaller.
LEAST_SHARE = 0.5
# In heights of a face: how far beyond what stirs it may reach.
AROUND = 0.5
# In their sizes: what is larger is searched in pieces. All of a picture may stir (light, a camera that turns), and to
# search 640x480 for a face of 20 px took 30 ms, for one of 8 px 200 ms.
MOST_SIZES = 4.0


def stirring(before: View, now: View, faces: Boxes) -> Boxes:
    """Return where something moves from one view to the next that is none of the faces (N, 4): (R, 4) px."""
    if before.gray.shape != now.gray.shape:
        return np.empty((0, 4))
    height, width = now.gray.shape
    size = max(width // CELL_PX, 1), max(height // CELL_PX, 1)
    change = cv2.resize(cv2.absdiff(before.gray, now.gray), size, interpolation=cv2.INTER_AREA)
    moved = (change >= STIRS_FROM).astype(np.uint8)
    explained = (faces @ HEAD_AND_BODY).reshape(-1, 4)
    cells = (explained * (now.scale / CELL_PX)).clip(0, max(size)).astype(int)
    for left, top, right, bottom in cells.tolist():
        moved[top : bottom + 1, left : right + 1] = 0
    _, _, found, _ = cv2.connectedComponentsWithStats(moved, connectivity=8)
    some = found[1:][found[1:, cv2.CC_STAT_AREA] >= FEWEST_CELLS]
    return np.concatenate((some[:, :2], some[:, :2] + some[:, 2:4]), axis=1) * (CELL_PX / now.scale)


@dataclass(frozen=True, slots=True)
class Back:
    """Somebody who came back: their row among who is gone, where they are, (4,), and how sure that is, 0..1."""

    row: int
    place: Axes
    likeness: float


def come_back(now: View, stirs: Boxes, gone: TrackTable, taken: Boxes, describer: Describer, turn: int) -> list[Back]:
    """Search for people who left where something stirs.

    Args:
        now: the picture.
        stirs: (R, 4) where.
        gone: the people.
        taken: (N, 4) where somebody is already.
        describer: says what they look like.
        turn: how often was searched before: where not everything can be in one frame, it goes on in the next.

    Returns:
        Who is back, each once; nobody where two are as much alike.
    """
    seen = [_spotted(now, gone, row, region) for row, region in _asked(gone, stirs, turn)]
    found = [each for each in seen if each.likeness >= SURE]
    places = np.array([each.place for each in found]).reshape(-1, 4)
    known = look_like(now, places, gone.look[[each.row for each in found]], describer)
    return _clear([each for each, good in zip(found, untaken(places, taken) & known, strict=True) if good])


def _spotted(now: View, gone: TrackTable, row: int, region: Point) -> Back:
    size, middle = gone.patch_size[row], (region[:2] + region[2:]) / 2
    reach = (region[2:] - region[:2]) / 2 / size[1] + AROUND
    alike, place = spot(now, gone.patch[row], np.concatenate((middle, size)), reach)
    return Back(row, place, alike)


def _asked(gone: TrackTable, stirs: Boxes, turn: int) -> Iterator[tuple[int, Point]]:
    """Yield which people to search for where, (4,), in a frame: in what is as large as they, all or some in turn."""
    sizes = (stirs[:, 2:] - stirs[:, :2]) / gone.patch_size[:, None]
    known = np.asarray(gone.patch.any(axis=(1, 2)))
    large = (sizes >= LEAST_SHARE).all(axis=2) & known[:, None]
    pieces = np.ceil(sizes / MOST_SIZES).astype(int) * large[..., None]
    ends = pieces.prod(axis=2).cumsum()
    count = int(ends[-1]) if len(ends) else 0
    for number in range(min(count, MOST_SEARCHES)):
        at = (turn * MOST_SEARCHES + number) % count
        pair = int(np.searchsorted(ends, at, side="right"))
        row, region = divmod(pair, len(stirs))
        yield row, _piece(stirs[region], pieces[row, region], int(ends[pair]) - at - 1)


def _piece(region: Point, pieces: Ints, number: int) -> Point:
    """Return one of the parts of a region (4,) that is cut into (2,) columns and lines."""
    line, column = divmod(number, int(pieces[0]))
    size = (region[2:] - region[:2]) / pieces
    low = region[:2] + size * (column, line)
    return np.concatenate((low, low + size))


def _clear(found: list[Back]) -> list[Back]:
    """Return the likeliest of those found for each person and each place, if it is so by far."""
    clear: list[Back] = []
    for one in sorted(found, key=lambda each: -each.likeness):
        rivals = [
            each
            for each in found
            if each.row != one.row and _overlap(each, one) and each.likeness > one.likeness - CLEARLY
        ]
        if not rivals and all(each.row != one.row and not _overlap(each, one) for each in clear):
            clear.append(one)
    return clear


def _overlap(one: Back, other: Back) -> bool:
    return bool(iou(cxcywh_to_xyxy(one.place[None]), cxcywh_to_xyxy(other.place[None])) > TAKEN_IOU)
