"""Polygons whose sides cross or touch are found as a slow reference finds them."""

from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from facewire.shapes import tangled_sides


def slowly_tangled(polygon: list[tuple[float, float]]) -> bool:
    """Solve for the points that two sides share, in fractions; sides that follow each other may share their corner."""
    corners = [(Fraction(str(x)), Fraction(str(y))) for x, y in polygon]
    sides = [*pairwise(corners), (corners[-1], corners[0])]
    if any(start == end for start, end in sides):
        return True
    for first, second in combinations(range(len(sides)), 2):
        shared = common_points(sides[first], sides[second])
        allowed = set(sides[first]) & set(sides[second]) if second - first in (1, len(sides) - 1) else set()
        if shared is None or shared - allowed:
            return True
    return False


def common_points(first: Any, second: Any) -> set[Any] | None:
    """Return the points of two sides that are on both; None where they share more than one."""
    (ax, ay), (bx, by) = first
    (cx, cy), (dx, dy) = second
    rx, ry, sx, sy = bx - ax, by - ay, dx - cx, dy - cy
    denominator = rx * sy - ry * sx
    if denominator:
        t = ((cx - ax) * sy - (cy - ay) * sx) / denominator
        u = ((cx - ax) * ry - (cy - ay) * rx) / denominator
        return {(ax + t * rx, ay + t * ry)} if 0 <= t <= 1 and 0 <= u <= 1 else set()
    if (cx - ax) * ry != (cy - ay) * rx:
        return set()
    low = max(min((ax, ay), (bx, by)), min((cx, cy), (dx, dy)))
    high = min(max((ax, ay), (bx, by)), max((cx, cy), (dx, dy)))
    if low > high:
        return set()
    return {low} if low == high else None


corners = st.integers(0, 5).map(lambda n: n / 5)


@given(st.lists(st.tuples(corners, corners), min_size=3, max_size=6))
def test_tangled_polygons_are_found_as_a_slow_reference_finds_them(polygon: list[tuple[float, float]]) -> None:
    assert (tangled_sides(polygon) is not None) == slowly_tangled(polygon)
