"""What a home is told of zones: who is in them, only changes, and of those that are no more nothing."""

from dataclasses import replace

from iot_bridge.presence import CameraState
from iot_bridge.topics import Publication

from tests.unit.ears import DOOR, Ears, components, face, seen
from tests.unit.home import NODE, TOPICS, fields


def zone_states(publications: list[Publication], zone: str) -> list[tuple[str, int]]:
    said = [fields(one) for one in publications if one.topic == f"{DOOR}/zone/{zone}"]
    return [(one["occupancy"], one["count"]) for one in said]


def test_each_zone_says_how_many_are_in_it_and_only_when_that_changes() -> None:
    camera, said = CameraState("door", TOPICS, 2.0, 1.0, ("porch", "steps")), []
    inside, outside = replace(face(1), zones=("porch",)), face(2)
    both = replace(face(2), zones=("steps", "porch"))
    for index, faces in enumerate([(), (inside,), (inside, outside), (inside, both), (both,), (outside,), ()]):
        said += camera.update(seen(*faces), 100 + index / 10)
    said += camera.update(seen(), 102.0)
    porch = [("OFF", 0), ("ON", 1), ("ON", 2), ("ON", 1), ("ON", 0), ("OFF", 0)]
    assert zone_states(said, "porch") == porch
    assert zone_states(said, "steps") == [("OFF", 0), ("ON", 1), ("ON", 0), ("OFF", 0)]
    assert all(one.retain for one in said if "/zone/" in one.topic)


def test_nobody_who_does_not_count_yet_occupies_a_zone_and_a_zone_unknown_here_is_passed_over() -> None:
    camera = CameraState("door", TOPICS, 2.0, 1.0, ("porch",))
    said = camera.update(seen(replace(face(1), zones=("porch", "new"), state="tentative")), 100.0)
    assert zone_states(said, "porch") == [("OFF", 0)]
    assert not any(one.topic.endswith("/zone/new") for one in said)


def test_a_silent_cameras_zones_are_empty_and_said_again_when_it_speaks() -> None:
    camera = CameraState("door", TOPICS, 2.0, 3600, ("porch",))
    camera.update(seen(replace(face(1), zones=("porch",))), 100.0)
    assert zone_states(camera.tick(105.0), "porch") == [("OFF", 0)]
    assert zone_states(camera.update(seen(replace(face(9), zones=("porch",))), 106.0), "porch") == [("ON", 1)]
    assert zone_states(camera.retained(), "porch") == [("ON", 1)]
    assert [one.payload for one in camera.erased() if one.topic == f"{DOOR}/zone/porch"] == [b""]


def test_a_zone_of_an_earlier_run_that_is_no_more_is_erased_and_others_are_kept() -> None:
    ears = Ears(replace(NODE, zones={"door": ("porch",)}))
    ears.home.remember("door")
    ears.take()
    ears.home.remember_zone("door", "porch")
    ears.home.remember_zone("door", "+")
    assert ears.take() == []
    ears.home.remember_zone("door", "steps")
    removing, remaining, erased = ears.take()
    assert components(removing)["door.steps.occupancy"] == {"p": "binary_sensor"}
    assert "door.steps.occupancy" not in components(remaining)
    assert {"door.porch.count", "door_presence"} <= components(remaining).keys()
    assert (erased.topic, erased.payload, erased.retain) == (f"{DOOR}/zone/steps", b"", True)


def test_a_zone_that_is_no_more_is_forgotten_and_a_new_one_is_told() -> None:
    camera = CameraState("door", TOPICS, 2.0, 1.0, ("porch", "steps"))
    inside = replace(face(1), zones=("porch", "steps"))
    camera.update(seen(inside), 100.0)
    (erased,) = camera.mark(("porch", "yard"))
    assert (erased.topic, erased.payload, erased.retain) == (f"{DOOR}/zone/steps", b"", True)
    said = camera.update(seen(inside), 100.1)
    assert (zone_states(said, "porch"), zone_states(said, "yard")) == ([], [("OFF", 0)])
    assert not any(one.topic == erased.topic for one in [*said, *camera.retained()])
    # It comes back later, and is told anew.
    assert camera.mark(("porch", "yard", "steps")) == []
    assert zone_states(camera.update(seen(inside), 100.2), "steps") == [("ON", 1)]


def test_zones_that_change_are_described_anew_before_what_was_said_of_them_is_erased() -> None:
    ears = Ears(replace(NODE, zones={"door": ["porch"]}))
    ears.home.update(seen(replace(face(1), zones=("porch",))))
    ears.take()
    ears.home.mark({"door": ["porch"]})
    assert ears.take() == []
    ears.home.mark({"door": ["steps"]})
    removing, remaining, erased = ears.take()
    assert components(removing)["door.porch.occupancy"] == {"p": "binary_sensor"}
    assert "door.porch.occupancy" not in components(remaining)
    assert "door.steps.occupancy" in components(remaining)
    assert (erased.topic, erased.payload) == (f"{DOOR}/zone/porch", b"")
    ears.home.mark({"door": ["steps"], "hall": ["bench"]})
    assert "door.steps.occupancy" in components(ears.take()[0])
