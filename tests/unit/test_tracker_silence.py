"""Who was in view of a camera that sends nothing more: they leave once nobody could come back as the same."""

import math
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest
from tracker.following import Following, Step
from tracker.settings import TrackerSettings
from tracker.zones import Places

from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.shapes import Area, Layout
from facewire.silence import EVERY_S, LONGEST_S, SHORTEST_S, Silence, Silences
from tests.unit.scene import Scene, Walker, stamp

SOMEBODY = Scene(Walker(200, 150))
LAST = 32
EVERYWHERE = {"door": Layout(zones=(Area("porch", ((0, 0), (1, 0), (1, 1), (0, 1))),))}


class Camera:
    """A tracker, and what it is told of one camera."""

    def __init__(self, folder: Path, **told: float) -> None:
        self.metrics = Metrics("test")
        settings = TrackerSettings(run_dir=folder, **told)  # type: ignore[arg-type]
        self._following = Following(settings, Places(EVERYWHERE), count(1).__next__, self.metrics)

    def play(self, indices: Iterable[int], scene: Scene = SOMEBODY, *, detected: bool = True) -> list[Step]:
        steps = []
        for index in indices:
            steps.append(self._following.take(scene.frame(index)))
            if detected and index % 5 == 0:
                steps.append(self._following.take(scene.detections(index)))
        return steps

    def silent(self, lasted_s: float, camera: str = "door") -> list[FaceEvent]:
        step = self._following.take(Silence(camera, lasted_s))
        assert (step.tracks, step.wish) == (None, None)
        return step.events


def ids(steps: list[Step]) -> set[int]:
    return {track.id for step in steps if step.tracks for track in step.tracks.tracks}


def kinds(steps: list[Step]) -> list[str]:
    return [event.type for step in steps for event in step.events]


def test_who_is_in_view_of_a_camera_that_dies_leaves_when_its_last_frame_was_taken(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    assert kinds(camera.play(range(1, LAST + 1))) == ["appeared", "entered"]
    out, went = camera.silent(21.1)
    assert (out.type, out.zone, out.at_ns) == ("left_zone", "porch", stamp(LAST))
    assert (went.type, went.id, went.zones, went.at_ns) == ("left", "door-1-1-left", ("porch",), stamp(LAST))
    assert camera.metrics.registry.get_sample_value("facewire_test_counted_total", {"what": "cameras_silent"}) == 1


def test_they_leave_once_and_whoever_is_there_when_frames_return_is_met_anew(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    camera.play(range(1, LAST + 1))
    assert len(camera.silent(21.1)) == 2
    assert camera.silent(22.1) == []
    back = camera.play(range(LAST + 1, 2 * LAST))
    assert ids(back) == {2}
    assert kinds(back) == ["appeared", "entered"]


def test_an_id_outlives_a_silence_that_is_no_longer_than_somebody_may_be_away(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    camera.play(range(1, LAST + 1))
    assert camera.silent(20.9) == []
    back = camera.play(range(LAST + 1, 2 * LAST))
    assert ids(back) == {1}
    assert kinds(back) == []


@pytest.mark.parametrize(
    ("coast_s", "return_within_s", "limit_s"), [(1.0, 0.0, SHORTEST_S), (3.0, 60.0, 63.0), (30.0, 3600.0, 3630.0)]
)
def test_the_settings_say_how_long_that_is(
    tmp_path: Path, coast_s: float, return_within_s: float, limit_s: float
) -> None:
    camera = Camera(tmp_path, coast_s=coast_s, return_within_s=return_within_s)
    camera.play(range(1, LAST + 1))
    assert camera.silent(limit_s) == []
    assert len(camera.silent(math.nextafter(limit_s, math.inf))) == 2
    assert limit_s < LONGEST_S


def test_other_cameras_and_whoever_never_counted_tell_nothing(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    camera.play(range(1, 6))
    assert camera.silent(60.0, "hall") == []
    assert camera.silent(60.0) == []
    assert camera.silent(60.0) == []


def test_whoever_is_hidden_when_a_camera_dies_leaves_too(tmp_path: Path) -> None:
    camera, gone = Camera(tmp_path), Scene(Walker(200, 150, frames=range(LAST)))
    assert kinds(camera.play(range(1, LAST), gone)) == ["appeared", "entered"]
    hidden = camera.play(range(LAST, LAST + 22), gone)
    assert ids(hidden[-3:]) == set()
    assert kinds(hidden) == []
    assert [event.type for event in camera.silent(60.0)] == ["left_zone", "left"]


def test_what_a_detector_says_of_a_camera_that_fell_silent_is_nothing(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    camera.play(range(1, LAST + 1))
    camera.silent(60.0)
    assert camera._following.take(SOMEBODY.detections(LAST)) == Step()


def test_a_silence_is_what_is_longer_than_a_slow_camera_takes_and_told_once_a_second() -> None:
    now_s = 100.0
    silences = Silences(lambda: now_s)
    assert silences.end("door") == []
    assert silences.end("hall") == []
    now_s += SHORTEST_S - 0.1
    assert silences.end("door") == []
    now_s += 0.1
    assert silences.lasting() == [Silence("hall", SHORTEST_S)]
    now_s += EVERY_S / 2
    assert silences.lasting() == []
    now_s += EVERY_S / 2
    assert silences.lasting() == [Silence("hall", SHORTEST_S + EVERY_S)]
    assert silences.end("hall") == [Silence("hall", SHORTEST_S + EVERY_S)]
    assert silences.end("hall") == []


def test_a_camera_that_is_silent_for_hours_is_forgotten_once_it_was_told_of() -> None:
    """Whoever waits for a bus that is away for hours does not ask, and is to know all the same."""
    now_s = 100.0
    silences = Silences(lambda: now_s)
    silences.end("door")
    now_s += LONGEST_S + 1
    assert silences.lasting() == [Silence("door", LONGEST_S + 1)]
    now_s += EVERY_S
    assert silences.lasting() == []
    assert silences.end("door") == []
