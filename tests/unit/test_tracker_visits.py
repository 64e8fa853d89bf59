"""Visits: whoever came is told to have left, once and no later than they were seen."""

from dataclasses import replace

from tracker.visits import endings

from facewire.messages import FaceEvent, Person
from facewire.visits import Open, note

CAME = FaceEvent("door-7-2-appeared", "appeared", "door", 7, None, 5_000_000_000, 6_000_000_000, b"\xff\xd8\xff\xd9")
IN = FaceEvent("door-7-entered-porch-7", "entered", "door", 7, None, 5_000_000_000, 7_000_000_000, zone="porch")
NAMED = replace(
    CAME, id="door-7-2-identified-0123", type="identified", identity=Person("Ada", 0.7), at_ns=7_500_000_000
)
OUT = replace(IN, id="x", type="left_zone", at_ns=8_000_000_000, dwell_s=1.0)
WENT = replace(CAME, id="door-7-2-left", type="left", at_ns=9_000_000_000, snapshot=None)
CROSSED = replace(CAME, id="y", type="crossed", line="sill", direction="in", snapshot=None)


def after(*events: FaceEvent) -> Open:
    visits: Open = {}
    for event in events:
        note(visits, event)
    return visits


def test_what_was_closed_is_not_closed_again() -> None:
    assert endings(after(CAME, IN, NAMED, CROSSED, OUT, WENT), {}) == []
    assert [event.type for event in endings(after(CAME, IN, OUT), {})] == ["left"]


def test_zones_are_left_first_and_by_name_and_all_when_the_face_was_last_followed() -> None:
    out, went = endings(after(CAME, IN, NAMED), {"door": 9_500_000_000, "hall": 99_000_000_000})
    assert (out.type, out.zone, out.dwell_s, out.at_ns) == ("left_zone", "porch", 2.5, 9_500_000_000)
    assert out.id == "door-7-left_zone-porch-9500000000"
    assert went == replace(WENT, identity=NAMED.identity, at_ns=9_500_000_000, zones=("porch",))
    assert out.identity == NAMED.identity


def test_where_nobody_knows_until_when_it_is_the_last_thing_that_happened() -> None:
    out, went = endings(after(CAME, IN), {"door": 1})
    assert (out.at_ns, out.dwell_s, went.at_ns) == (IN.at_ns, 0.0, IN.at_ns)


def test_each_face_of_each_camera_leaves() -> None:
    other = replace(CAME, id="hall-7-1-appeared", camera="hall")
    third = replace(CAME, id="door-8-1-appeared", track_id=8)
    assert [event.id for event in endings(after(CAME, other, third), {})] == [
        "door-7-2-left",
        "door-8-1-left",
        "hall-7-1-left",
    ]
