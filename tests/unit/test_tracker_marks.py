"""Zones and lines that are marked otherwise while faces are there."""

from dataclasses import replace

import pytest

from facewire.messages import Tracks
from facewire.shapes import Area, Layout
from tests.unit.room import PORCH, SILL, SIZE, Room, at, told
from tests.unit.scene import stamp

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
