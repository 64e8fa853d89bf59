"""What a home is told of a camera: at once when somebody comes, late when nobody is left, and nothing twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.presence import CameraState

from facewire.controls import Controls
from facewire.messages import Track
from tests.unit.ears import DOOR, face, seen, told
from tests.unit.home import TOPICS, fields
from tests.unit.messages import TRACK, tracks


def state(faces_hz: float = 2.0, off_after_s: float = 2.0) -> CameraState:
    return CameraState("door", TOPICS, faces_hz, off_after_s)


def test_presence_is_on_with_the_first_face() -> None:
    said = state().update(seen(face(1)), 100.0)
    assert [one.topic.rpartition("/")[2] for one in said] == [*("availability", "presence", "count", "status", "faces")]
    assert (told(said, "availability"), told(said, "presence"), told(said, "count")) == (["online"], ["ON"], ["1"])


def test_presence_goes_off_only_when_nobody_was_seen_for_long_enough() -> None:
    camera = state(off_after_s=2.0)
    camera.update(seen(face(1)), 100.0)
    assert told(camera.update(seen(), 101.0), "presence") == []
    assert told(camera.update(seen(), 102.0), "presence") == []
    assert told(camera.update(seen(), 102.1), "presence") == ["OFF"]


def test_a_face_that_comes_back_in_time_keeps_presence_on() -> None:
    camera = state(off_after_s=2.0)
    camera.update(seen(face(1)), 100.0)
    camera.update(seen(), 101.5)
    camera.update(seen(face(1)), 101.9)
    assert told(camera.update(seen(), 103.5), "presence") == []


def test_without_patience_presence_goes_off_with_the_last_face() -> None:
    camera = state(off_after_s=0.0)
    camera.update(seen(face(1)), 100.0)
    assert told(camera.update(seen(), 100.1), "presence") == ["OFF"]


def test_a_count_is_said_once_each_time_it_changes() -> None:
    camera, said = state(), []
    for index, faces in enumerate([(), (), (face(1),), (face(1),), (face(1), face(2)), (face(2),), (), ()]):
        said += camera.update(seen(*faces), 100 + index / 30)
    assert told(said, "count") == ["0", "1", "2", "1", "0"]


def test_a_tentative_face_is_nobody_yet() -> None:
    said = state().update(seen(replace(TRACK, state="tentative")), 100.0)
    assert (told(said, "presence"), told(said, "count"), told(said, "faces")) == (["OFF"], ["0"], [])


def test_a_coasting_face_is_still_there() -> None:
    said = state().update(seen(replace(TRACK, state="coasting")), 100.0)
    assert (told(said, "presence"), told(said, "count")) == (["ON"], ["1"])


@pytest.mark.parametrize(("faces_hz", "expected"), [(1.0, 4), (2.0, 7), (60.0, 91)])
def test_faces_are_told_at_their_own_pace(faces_hz: float, expected: int) -> None:
    camera, said = state(faces_hz=faces_hz), []
    for frame in range(91):
        said += camera.update(seen(face(1), seq=frame), 100 + frame / 30)
    assert len(told(said, "faces")) == pytest.approx(expected, abs=1)


def test_the_end_of_the_last_face_is_told_at_once_and_once() -> None:
    camera = state(faces_hz=0.1)
    camera.update(seen(face(1)), 100.0)
    (empty,) = (said for said in camera.update(seen(seq=8), 100.03) if said.topic == f"{DOOR}/faces")
    assert fields(empty)["faces"] == []
    assert fields(empty)["seq"] == 8
    assert told(camera.update(seen(), 200.0), "faces") == []


def test_a_silent_camera_knows_nothing_any_more() -> None:
    camera = state(off_after_s=3600)
    camera.update(seen(face(1)), 100.0)
    assert camera.tick(104.9) == []
    said = camera.tick(105.0)
    assert (told(said, "availability"), told(said, "presence"), told(said, "count")) == (["offline"], ["OFF"], ["0"])
    assert camera.tick(106.0) == []


def test_a_camera_that_speaks_again_is_there_again() -> None:
    camera = state(off_after_s=3600)
    camera.update(seen(face(1)), 100.0)
    camera.tick(110.0)
    assert told(camera.update(seen(), 111.0), "availability") == ["online"]
    assert told(camera.update(seen(), 111.1), "presence") == []
    assert told(camera.update(seen(face(1)), 111.2), "presence") == ["ON"]


def test_everything_that_was_said_can_be_said_again() -> None:
    camera = state()
    assert camera.retained() == []
    camera.update(seen(face(1)), 100.0)
    said = camera.retained()
    assert {(one.topic, one.payload) for one in said} == {
        (f"{DOOR}/availability", b"online"),
        (f"{DOOR}/presence", b"ON"),
        (f"{DOOR}/count", b"1"),
        (f"{DOOR}/status", b"watching"),
    }
    assert all(one.retain for one in said)


steps = st.lists(st.tuples(st.floats(0.01, 8), st.none() | st.lists(tracks, max_size=3, unique_by=lambda one: one.id)))


@given(steps, st.floats(0, 10))
def test_no_state_is_said_twice_and_the_last_said_is_what_was_last_seen(
    script: list[tuple[float, list[Track] | None]], off_after_s: float
) -> None:
    camera, now_s, heard_s, seen_s, count = state(off_after_s=off_after_s), 0.0, None, None, 0
    last: dict[str, bytes] = {}
    for pause_s, faces in script:
        now_s += pause_s
        said = camera.tick(now_s) if faces is None else camera.update(seen(*faces), now_s)
        if faces is not None:
            heard_s, count = now_s, sum(one.state != "tentative" for one in faces)
            seen_s = now_s if count else seen_s
        elif heard_s is None or now_s - heard_s >= 5:
            heard_s, seen_s, count = None, None, 0
        for one in (one for one in said if one.retain):
            assert last.get(one.topic) != one.payload
            last[one.topic] = one.payload
        assert last == {one.topic: one.payload for one in camera.retained()}
        if not last:
            continue
        assert last[f"{DOOR}/availability"] == (b"offline" if heard_s is None else b"online")
        assert last[f"{DOOR}/count"] == str(count).encode()
        if faces is not None or heard_s is None:
            here = seen_s is not None and now_s - seen_s <= off_after_s
            assert last[f"{DOOR}/presence"] == (b"ON" if here else b"OFF")


def test_a_silent_camera_is_told_from_a_private_one() -> None:
    camera, said = state(), []
    said += camera.update(seen(), 100.0)
    said += camera.obey(Controls(private=frozenset({"door"})), 100.5)
    said += camera.tick(105.0)
    assert told(said, "status") == ["watching", "privacy"]
    assert told(said, "availability") == ["online", "offline"]
    said += camera.obey(Controls(undetected=frozenset({"door"})), 106.0)
    said += camera.update(seen(), 107.0)
    said += camera.obey(Controls(private=frozenset({"hall"})), 108.0)
    assert told(said, "status") == ["watching", "privacy", "silent", "detection off", "watching"]
