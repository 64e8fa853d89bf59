"""Lines: who crosses them, once and in which direction, however a face trembles."""

from math import hypot

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tracker.zones import distance_px, segment

from facewire.messages import Point
from facewire.shapes import Line
from tests.unit.room import MARGIN_PX, SILL, SIZE, Room, told


@pytest.mark.parametrize(
    ("line", "start", "end", "direction"),
    [
        (SILL, (200, 240), (440, 240), "out"),
        (SILL, (440, 240), (200, 240), "in"),
        (Line("sill", (SILL.points[1], SILL.points[0])), (200, 240), (440, 240), "in"),
        (Line("sill", ((0.1, 0.5), (0.9, 0.5)), "up", "down"), (320, 100), (320, 400), "down"),
        (Line("sill", ((0.1, 0.5), (0.9, 0.5)), "up", "down"), (320, 400), (320, 100), "up"),
    ],
)
def test_a_line_is_crossed_once_in_the_direction_of_the_walk(
    line: Line, start: Point, end: Point, direction: str
) -> None:
    room = Room(lines=[line])
    room.walk(*zip(np.linspace(start[0], end[0], 40).tolist(), np.linspace(start[1], end[1], 40).tolist(), strict=True))
    assert [(event.type, event.line, event.direction) for event in room.events] == [("crossed", "sill", direction)]


def test_a_walk_around_the_end_of_a_line_does_not_cross_it() -> None:
    room = Room(lines=[SILL])
    room.walk((280, 440), (320, 450), (360, 440), (360, 40), (320, 30), (280, 40))
    assert room.events == []


def test_a_face_that_trembles_on_a_line_crosses_nothing_and_then_once() -> None:
    room, random = Room(lines=[SILL]), np.random.default_rng(2)
    room.walk((280, 240))
    for _ in range(300):
        room.walk((320 + np.clip(random.normal(0, 2), -7, 7), 240))
    assert room.events == []
    room.walk((320 + MARGIN_PX + 1, 240))
    assert told(room.events) == [("crossed", "out")]


def test_who_turns_back_on_a_line_did_not_cross_it() -> None:
    room = Room(lines=[SILL])
    room.walk((280, 240), (310, 240), (322, 240), (326, 240), (310, 240), (280, 240))
    assert room.events == []


@pytest.mark.parametrize(
    ("offsets", "directions"),
    [
        ((-20, 0, 20), ["out"]),
        ((-20, 0, 0, 20), ["out"]),
        ((20, 0, -20), ["in"]),
        ((-20, 0, -20), []),
        ((20, 0, 20), []),
        ((0, 20, -20), ["out", "in"]),
        ((0, -20, 20), ["out"]),
    ],
)
def test_who_stands_on_a_line_counts_as_to_its_right(offsets: tuple[int, ...], directions: list[str]) -> None:
    room = Room(lines=[SILL])
    room.walk(*((320 + offset, 240) for offset in offsets))
    assert [event.direction for event in room.events] == directions


def test_a_leap_over_a_line_is_one_crossing() -> None:
    room = Room(lines=[SILL])
    assert told(room.walk((10, 240), (630, 240))) == [("crossed", "out")]


@given(st.lists(st.integers(-300, 300), min_size=2, max_size=60))
def test_who_is_clear_of_a_line_is_on_the_side_that_the_crossings_say(offsets: list[int]) -> None:
    line = Line("sill", ((0.5, 0), (0.5, 1)))
    ends = segment(line.points, SIZE)
    room, start = Room(lines=[line]), offsets[0]
    assume(start != 0)
    side = "out" if start > 0 else "in"
    for offset in offsets:
        for event in room.walk((320 + offset, 240)):
            assert event.direction != side
            side = str(event.direction)
        if hypot(offset) >= MARGIN_PX:
            assert side == ("out" if offset > 0 else "in")
            assert distance_px(ends, (320 + offset, 240)) == abs(offset)
