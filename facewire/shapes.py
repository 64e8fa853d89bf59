"""What an owner marks in a camera's picture: zones, lines, and areas that nobody shall see.

Coordinates are shares of the picture's width and height, 0..1 from its top left corner, so that they hold for every
size of picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RelativePoint = tuple[float, float]
Polygon = tuple[RelativePoint, ...]

_Cell = tuple[int, int]
_GRID = 1_000_000


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the picture with a name; the polygon closes itself."""

    name: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Line:
    """A line from one point to another, and what crossing it is called.

    Left and right are those of somebody who stands at the first point, in the picture as it is seen, and looks at the
    second: of a line from top to bottom, `to_left` is towards the picture's right.
    """

    name: str
    points: tuple[RelativePoint, RelativePoint]
    to_left: str = "out"
    to_right: str = "in"


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is marked in one camera's picture."""

    zones: tuple[Area, ...] = ()
    lines: tuple[Line, ...] = ()
    masks: tuple[Area, ...] = ()


def tangled_sides(polygon: Sequence[RelativePoint]) -> tuple[int, int] | None:
    """Return two sides of a polygon that share a point which they should not, counted from 0; None if there are none.

    Side i leads from point i to the next. It is exact for coordinates of up to six decimals.
    """
    corners = [(round(x * _GRID), round(y * _GRID)) for x, y in polygon]
    count = len(corners)
    sides = [(corners[i], corners[(i + 1) % count]) for i in range(count)]
    for i in range(count):
        for j in range(i + 1, count):
            if j == i + 1 or (i == 0 and j == count - 1):
                first, second = (sides[i], sides[j]) if j == i + 1 else (sides[j], sides[i])
                if _folds_back(first[0], first[1], second[1]):
                    return i, j
            elif _meet(*sides[i], *sides[j]):
                return i, j
    return None


def _turn(a: _Cell, b: _Cell, c: _Cell) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _folds_back(a: _Cell, b: _Cell, c: _Cell) -> bool:
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return _turn(a, b, c) == 0 and ahead <= 0


def _meet(a: _Cell, b: _Cell, c: _Cell, d: _Cell) -> bool:
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if min(turns[:2]) < 0 < max(turns[:2]) and min(turns[2:]) < 0 < max(turns[2:]):
        return True
    candidates = ((c, a, b), (d, a, b), (a, c, d), (b, c, d))
    return any(turn == 0 and _within(*each) for turn, each in zip(turns, candidates, strict=True))


def _within(point: _Cell, a: _Cell, b: _Cell) -> bool:
    return all(min(a[axis], b[axis]) <= point[axis] <= max(a[axis], b[axis]) for axis in (0, 1))
