"""A camera's clock that is set changes no duration: of stays in zones, of visits, of what the store keeps."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker.following import Following, Step
from tracker.frame_clock import LONGEST_STEP_NS, FrameClock
from tracker.settings import TrackerSettings
from tracker.zones import Places

from facewire.messages import Detections, FaceEvent, Frame
from facewire.metrics import Metrics
from facewire.shapes import Area, Layout
from facewire.silence import Silence
from tests.unit.scene import Scene, Walker

SECOND = 1_000_000_000
PORCH = {"door": Layout(zones=(Area("porch", ((0, 0), (1, 0), (1, 1), (0, 1))),))}
SOMEBODY = Scene(Walker(200, 150, frames=range(91)))
JUMPS_S = [7200, -7200, 86_400 * 30, -86_400 * 30, 1_700_000_000 - 86_400 * 365, -1_690_000_000, 60, -2]


def following(folder: Path) -> Following:
    return Following(TrackerSettings(run_dir=folder), Places(PORCH), count(1).__next__, Metrics("test"))


def play(tracker: Following, indices: Iterable[int], jump_ns: int = 0) -> list[Step]:
    steps: list[Step] = []
    for index in indices:
        messages: list[Frame | Detections] = [SOMEBODY.frame(index)]
        if index % 5 == 0:
            messages.append(SOMEBODY.detections(index))
        shifted = [replace(message, captured_ns=message.captured_ns + jump_ns) for message in messages]
        steps += [tracker.take(message) for message in shifted]
    return steps


def events(steps: list[Step]) -> dict[str, FaceEvent]:
    return {event.type: event for step in steps for event in step.events}


@pytest.mark.parametrize("jump_s", JUMPS_S)
def test_a_stay_lasts_as_long_as_it_does(tmp_path: Path, jump_s: int) -> None:
    tracker, jump_ns = following(tmp_path), jump_s * SECOND
    steps = play(tracker, range(1, 40)) + play(tracker, range(40, 150), jump_ns)
    told = events(steps)
    # In view from frame 1 to 90; it ends a second after it was detected last.
    assert told["left_zone"].dwell_s == pytest.approx(115 / 30, abs=0.5)
    left = told["left"]
    assert (left.at_ns - left.started_ns) / SECOND == pytest.approx(115 / 30, abs=0.5)
    assert {track.id for step in steps if step.tracks for track in step.tracks.tracks} == {1}
    assert [step.jump_ns for step in steps if step.jump_ns] == [pytest.approx(jump_ns, abs=SECOND // 10)]


def test_a_camera_that_was_silent_has_no_set_clock(tmp_path: Path) -> None:
    tracker = following(tmp_path)
    steps = play(tracker, range(1, 80))
    steps.append(tracker.take(Silence("door", 12.0)))
    steps += play(tracker, range(80, 91), 12 * SECOND)
    assert not any(step.jump_ns for step in steps)


def test_a_clock_that_is_set_while_a_camera_is_silent_is_noticed(tmp_path: Path) -> None:
    tracker = following(tmp_path)
    play(tracker, range(1, 80))
    tracker.take(Silence("door", 12.0))
    (step, *_) = play(tracker, range(81, 82), 7200 * SECOND)
    assert step.jump_ns == pytest.approx(7188 * SECOND, abs=SECOND)


@given(st.lists(st.integers(0, LONGEST_STEP_NS), max_size=20), st.integers(1, 2**61))
def test_frames_that_follow_one_another_are_no_jump(steps_ns: list[int], begun_ns: int) -> None:
    clock, at_ns = FrameClock(), begun_ns
    assert clock.jump_ns(at_ns) == 0
    for step_ns in steps_ns:
        at_ns += step_ns
        assert clock.jump_ns(at_ns) == 0


@given(st.integers(-(2**61), 2**61).filter(lambda jump: not -SECOND <= jump <= LONGEST_STEP_NS + SECOND))
def test_a_jump_is_told_but_for_the_step(jump_ns: int) -> None:
    clock, at_ns = FrameClock(), 2**62
    clock.jump_ns(at_ns)
    clock.jump_ns(at_ns + SECOND // 30)
    assert clock.jump_ns(at_ns + 2 * SECOND // 30 + jump_ns) == pytest.approx(jump_ns, abs=2)
    assert clock.jump_ns(at_ns + 3 * SECOND // 30 + jump_ns) == 0
