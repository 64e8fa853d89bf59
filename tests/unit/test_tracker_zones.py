"""Zones: who enters and leaves them, once and without a gap, however a face trembles."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker.zones import Places

from facewire.messages import FaceEvent, Person, Point, Tracks
from facewire.shapes import Layout
from tests.unit.messages import EVENT
from tests.unit.room import PORCH, SILL, SIZE, Room, at, told
from tests.unit.scene import stamp


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


def test_a_face_that_is_hidden_for_a_while_stays_in_its_zone() -> None:
    places, inside = Places({"door": Layout((PORCH,), ())}), at(320, 240)
    events: list[FaceEvent] = []
    for index, (tracks, hidden) in enumerate([((inside,), set()), ((), {1}), ((inside,), set()), ((), set())], 1):
        events += places.watch(Tracks("door", index, stamp(index), tracks), SIZE, (), hidden)[1]
    assert told(events) == [("entered", "porch"), ("left_zone", "porch")]
