"""Areas and lines in pixels: depth, distance and steps over a line against slow references."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tracker.zones import contour, depth_px, distance_px, step_over

from facewire.messages import Point
from facewire.shapes import tangled_sides

cells = st.integers(0, 64)
grid_points = st.tuples(cells, cells)
polygons = st.lists(grid_points, min_size=3, max_size=7, unique=True).filter(
    lambda polygon: tangled_sides([(x / 64, y / 64) for x, y in polygon]) is None
)


def slowly_inside(polygon: Sequence[tuple[int, int]], point: tuple[int, int]) -> bool:
    """Cast a ray in fractions; a point on a side is inside."""
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in [*pairwise(polygon), (polygon[-1], polygon[0])]:
        turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        if turn == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return True
        if (ay > y) != (by > y) and x < ax + Fraction((bx - ax) * (y - ay), by - ay):
            inside = not inside
    return inside


def slowly_near(line: tuple[Point, Point], point: Point) -> float:
    """Look at ten thousand points of the line."""
    along = np.linspace(0, 1, 10_001)[:, None]
    (x, y), (end_x, end_y) = line
    return float(np.hypot(*((x, y) + along * (end_x - x, end_y - y) - point).T).min())


@given(polygons, grid_points)
def test_depth_in_an_area_is_what_a_slow_reference_says(polygon: list[tuple[int, int]], point: tuple[int, int]) -> None:
    area = contour(tuple((x / 64, y / 64) for x, y in polygon), (64, 64))
    depth = depth_px(area, point)
    assert (depth >= 0) == slowly_inside(polygon, point)
    sides = [*pairwise(polygon), (polygon[-1], polygon[0])]
    assert abs(depth) == pytest.approx(min(slowly_near(side, point) for side in sides), abs=0.01)


@given(grid_points, grid_points, grid_points)
def test_distance_from_a_line_is_what_a_slow_reference_says(a: Point, b: Point, point: Point) -> None:
    assert distance_px((a, b), point) == pytest.approx(slowly_near((a, b), point), abs=0.01)


@given(grid_points, grid_points, grid_points, grid_points)
def test_a_step_crosses_where_the_segments_share_a_point(
    a: tuple[int, int], b: tuple[int, int], before: tuple[int, int], after: tuple[int, int]
) -> None:
    def side(first: tuple[int, int], second: tuple[int, int], point: tuple[int, int]) -> int:
        return (second[0] - first[0]) * (point[1] - first[1]) - (second[1] - first[1]) * (point[0] - first[0])

    sides = side(a, b, before), side(a, b, after), side(before, after, a), side(before, after, b)
    assume(all(sides))
    crosses = sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0
    assert step_over((a, b), before, after) == (0 if not crosses else 1 if sides[1] > 0 else -1)
    assert step_over((a, b), after, before) == -step_over((a, b), before, after)


@given(grid_points, grid_points, grid_points, grid_points, st.integers(1, 5))
def test_a_step_that_is_cut_into_pieces_crosses_as_often(
    a: Point, b: Point, before: tuple[int, int], after: tuple[int, int], pieces: int
) -> None:
    assume(a != b)
    line = tuple((x * pieces, y * pieces) for x, y in (a, b))
    trail = [tuple(s * (pieces - n) + e * n for s, e in zip(before, after, strict=True)) for n in range(pieces + 1)]
    parts = [step_over(line, *step) for step in pairwise(trail)]  # type: ignore[arg-type]
    assert sum(parts) == step_over(line, trail[0], trail[-1])  # type: ignore[arg-type]
    assert sum(map(abs, parts)) <= 1
