"""Zones and lines: geometry against a slow reference, and one story however a face trembles."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import hypot

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tracker.zones import MARGIN, Places, contour, depth_px, distance_px, segment, step_over

from facewire.messages import FaceEvent, Person, Point, Track, Tracks
from facewire.shapes import Area, Layout, Line, tangled_sides
from tests.unit.messages import EVENT
from tests.unit.scene import stamp

SIZE = (640, 480)
SIDE = 80.0
MARGIN_PX = MARGIN * SIDE
# From x = 160 to 480, y = 120 to 360.
PORCH = Area("porch", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
# From the top down at x = 320: the picture's right is to its left.
SILL = Line("sill", ((0.5, 0.1), (0.5, 0.9)))


class Room:
    """One camera and the faces in it."""

    def __init__(self, *zones: Area, lines: Sequence[Line] = (), size: tuple[int, int] = SIZE) -> None:
        self.places = Places({"door": Layout(zones, tuple(lines))})
        self.size = size
        self.index = 0
        self.events: list[FaceEvent] = []
        self.seen = Tracks("door", 0, stamp(0), ())

    def see(self, *tracks: Track, others: Sequence[FaceEvent] = (), late_ns: int = 0) -> list[FaceEvent]:
        self.index += 1
        seen = Tracks("door", self.index, stamp(self.index) + late_ns, tracks)
        self.seen, happened = self.places.watch(seen, self.size, others)
        self.events += happened
        return happened

    def walk(self, *points: Point, track_id: int = 1) -> list[FaceEvent]:
        return [event for point in points for event in self.see(at(*point, track_id=track_id))]

    def zones(self) -> dict[int, tuple[str, ...]]:
        return {track.id: track.zones for track in self.seen.tracks}


def at(x: float, y: float, *, track_id: int = 1, state: str = "confirmed", side: float = SIDE) -> Track:
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Track(track_id, box, 0.9, state, 10, (0.0, 0.0))  # type: ignore[arg-type]


def told(events: Sequence[FaceEvent]) -> list[tuple[str, str | None]]:
    return [(event.type, event.zone or event.direction) for event in events]


# ---- geometry

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


# ---- zones


def test_a_walk_through_a_zone_enters_and_leaves_it_once_with_the_time_between() -> None:
    room = Room(PORCH)
    room.walk(*((x, 240) for x in range(100, 561, 10)))
    assert told(room.events) == [("entered", "porch"), ("left_zone", "porch")]
    came, went = room.events
    assert came.at_ns == stamp(7)
    # Outside by more than the margin of 8 px.
    assert went.at_ns == stamp(40)
    assert went.dwell_s == pytest.approx(33 / 30, abs=1e-3)
    assert came.started_ns == went.started_ns == stamp(1)
    assert (came.id, went.id) == (f"door-1-entered-porch-{stamp(7)}", f"door-1-left_zone-porch-{stamp(40)}")


def test_tracks_say_which_zones_they_are_in() -> None:
    room = Room(PORCH, replace(PORCH, name="all", polygon=((0, 0), (1, 0), (1, 1), (0, 1))))
    room.see(at(100, 100), at(300, 200, track_id=2), at(-50, -50, track_id=3))
    assert room.zones() == {1: ("all",), 2: ("porch", "all"), 3: ()}


def test_a_face_that_trembles_on_a_border_enters_once() -> None:
    room, random = Room(PORCH), np.random.default_rng(1)
    for _ in range(300):
        room.walk((160 + random.normal(0, 2), 240 + random.normal(0, 2)))
    assert told(room.events) == [("entered", "porch")]


def test_a_face_that_ends_in_a_zone_leaves_it_before_it_leaves() -> None:
    room = Room(PORCH)
    room.walk((300, 240), (300, 240), (300, 240))
    left = replace(EVENT, id="door-1-left", type="left", snapshot=None)
    happened = room.see(others=[left])
    assert told(happened) == [("left_zone", "porch"), ("left", None)]
    assert happened[0].dwell_s == pytest.approx(0.1, abs=1e-3)
    assert room.see() == []


def test_what_happens_to_a_face_tells_where_it_was() -> None:
    room = Room(PORCH, replace(PORCH, name="steps"))
    other = replace(EVENT, id="door-2-appeared", track_id=2)
    mine = replace(EVENT, track_id=1)
    happened = room.see(at(300, 240), at(10, 10, track_id=2), others=[mine, other])
    assert {event.id: event.zones for event in happened if event.type == "appeared"} == {
        mine.id: ("porch", "steps"),
        other.id: (),
    }
    left = replace(mine, id="door-1-left", type="left", snapshot=None)
    assert room.see(at(10, 10, track_id=2), others=[left])[-1] == replace(left, zones=("porch", "steps"))


def test_a_face_enters_after_it_appeared() -> None:
    assert told(Room(PORCH).see(at(300, 240), others=[EVENT])) == [("appeared", None), ("entered", "porch")]


@pytest.mark.parametrize("state", ["tentative", "coasting"])
def test_a_face_that_is_not_seen_for_sure_enters_and_crosses_nothing(state: str) -> None:
    room = Room(PORCH, lines=[SILL])
    for x in range(100, 560, 10):
        room.see(at(x, 240, state=state))
    assert room.events == []


def test_a_face_that_coasts_stays_where_it_was_until_it_is_seen_again() -> None:
    room = Room(PORCH, lines=[SILL])
    room.walk((300, 240))
    for x in range(310, 600, 10):
        assert room.see(at(x, 240, state="coasting")) == []
        assert room.zones() == {1: ("porch",)}
    assert told(room.walk((600, 240))) == [("left_zone", "porch"), ("crossed", "out")]


def test_who_comes_back_under_the_same_id_enters_again_under_another_event_id() -> None:
    room = Room(PORCH)
    for _ in range(3):
        room.walk((100, 240), (300, 240), (300, 240))
        room.see()
    assert told(room.events) == [("entered", "porch"), ("left_zone", "porch")] * 3
    assert len({event.id for event in room.events}) == 6


def test_zones_hold_for_every_size_of_picture() -> None:
    room = Room(PORCH)
    room.walk((300, 240))
    room.size = (320, 240)
    assert room.see(at(150, 120, side=40)) == []
    assert told(room.see(at(300, 120, side=40))) == [("left_zone", "porch")]


def test_who_is_recognised_enters_by_name() -> None:
    ada = Person("Ada", 0.8)
    (event,) = Room(PORCH).see(replace(at(300, 240), identity=ada))
    assert event.identity == ada


def test_a_camera_without_a_layout_is_passed_on_as_it_is() -> None:
    seen = Tracks("hall", 1, stamp(1), (at(300, 240),))
    assert Places({"door": Layout((PORCH,)), "hall": Layout(masks=(PORCH,))}).watch(seen, SIZE, [EVENT]) == (
        seen,
        [EVENT],
    )


def test_a_clock_that_goes_back_makes_no_negative_dwell() -> None:
    room = Room(PORCH)
    room.walk((300, 240))
    (event,) = room.see(at(600, 240), late_ns=-3600 * 10**9)
    assert event.dwell_s == 0
    assert event.started_ns == event.at_ns


# ---- lines


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


steps = st.lists(st.tuples(st.floats(-60, 700), st.floats(-60, 540)), min_size=1, max_size=40)


@given(steps, st.integers(0, 2**32))
def test_any_walk_makes_a_story_without_a_gap(points: list[Point], seed: int) -> None:
    room, random = Room(PORCH, lines=[SILL]), np.random.default_rng(seed)
    inside: dict[int, set[str]] = {}
    for x, y in points:
        tracks = [
            at(*random.normal((x, y), 20), track_id=number, state=str(random.choice(["confirmed", "coasting"])))
            for number in (1, 2)
            if random.random() > 0.1
        ]
        for event in room.see(*tracks):
            if event.type == "entered":
                assert event.zone not in inside.setdefault(event.track_id, set())
                inside[event.track_id].add(str(event.zone))
            elif event.type == "left_zone":
                inside[event.track_id].remove(str(event.zone))
        assert {number: zones for number, zones in room.zones().items() if zones} == {
            number: tuple(zones) for number, zones in inside.items() if zones
        }
    room.see()
    assert room.zones() == {}
    assert len({event.id for event in room.events}) == len(room.events)


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


def test_a_face_that_is_hidden_for_a_while_stays_in_its_zone() -> None:
    places, inside = Places({"door": Layout((PORCH,), ())}), at(320, 240)
    events: list[FaceEvent] = []
    for index, (tracks, hidden) in enumerate([((inside,), set()), ((), {1}), ((inside,), set()), ((), set())], 1):
        events += places.watch(Tracks("door", index, stamp(index), tracks), SIZE, (), hidden)[1]
    assert told(events) == [("entered", "porch"), ("left_zone", "porch")]


# ---- other marks while faces are there

STEPS = Area("steps", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
FAR = ((0.9, 0.9), (1.0, 0.9), (1.0, 1.0))


def test_whoever_is_in_a_zone_that_is_no_more_leaves_it_and_enters_a_new_one() -> None:
    room = Room(PORCH)
    room.walk((320, 240), (320, 240))
    room.places.mark({"door": Layout((STEPS,))})
    assert told(room.walk((320, 240))) == [("left_zone", "porch"), ("entered", "steps")]
    assert room.events[1].dwell_s == pytest.approx((stamp(3) - stamp(1)) / 1e9, abs=1e-3)
    assert room.zones() == {1: ("steps",)}
    room.places.mark({})
    assert told(room.walk((320, 240))) == [("left_zone", "steps")]
    assert room.zones() == {1: ()}


def test_a_removed_zone_is_left_by_those_too_who_are_not_seen() -> None:
    room = Room(PORCH)
    room.see(at(320, 240), at(330, 240, track_id=2))
    room.places.mark({"hall": Layout((PORCH,))})
    seen = Tracks("door", 9, stamp(9), (at(320, 240, state="coasting"),))
    placed, events = room.places.watch(seen, SIZE, [], hidden={2})
    assert [(event.type, event.track_id) for event in events] == [("left_zone", 1), ("left_zone", 2)]
    assert placed == seen
    assert room.places.watch(replace(seen, tracks=()), SIZE, [])[1] == []


def test_who_only_coasts_enters_a_new_zone_when_seen_again() -> None:
    room = Room()
    room.see(at(320, 240))
    room.places.mark({"door": Layout((PORCH,))})
    assert room.see(at(320, 240, state="coasting")) == []
    (entered,) = room.see(at(320, 240))
    assert (entered.type, entered.started_ns) == ("entered", stamp(1)), "since when the face is there, not the zone"


def test_a_zone_that_is_moved_keeps_whoever_is_still_inside() -> None:
    room = Room(PORCH)
    room.walk((320, 240))
    room.places.mark({"door": Layout((replace(PORCH, polygon=((0.4, 0.2), (0.6, 0.2), (0.6, 0.8), (0.4, 0.8))),))})
    assert room.walk((320, 240)) == []
    room.places.mark({"door": Layout((replace(PORCH, polygon=FAR),))})
    (left,) = room.walk((320, 240))
    assert left.type == "left_zone"
    assert left.dwell_s == pytest.approx((stamp(3) - stamp(1)) / 1e9, abs=1e-3)


def test_a_line_that_is_moved_over_a_face_is_not_crossed_and_one_that_stays_is() -> None:
    room = Room(lines=[SILL])
    room.walk((400, 240), (330, 240))
    room.places.mark({"door": Layout(lines=(replace(SILL, points=((0.4, 0.1), (0.4, 0.9))),))})
    assert room.walk((300, 240), (290, 240)) == []
    assert told(room.walk((200, 240))) == [("crossed", "in")]

    room = Room(lines=[SILL])
    room.walk((400, 240), (318, 240))
    room.places.mark({"door": Layout((PORCH,), (SILL,))})
    assert ("crossed", "in") in told(room.walk((250, 240)))


def test_marks_that_stay_as_they_are_change_nothing() -> None:
    rooms = [Room(PORCH, lines=[SILL]) for _ in range(2)]
    for x in range(100, 561, 10):
        rooms[1].places.mark({"door": Layout((PORCH,), (SILL,))})
        for room in rooms:
            room.walk((x, 240))
    assert rooms[0].events == rooms[1].events
    assert len(rooms[0].events) == 3
