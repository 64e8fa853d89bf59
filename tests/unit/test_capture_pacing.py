"""Files play in real time, fast cameras are thinned, pictures keep their shape."""

import math

import numpy as np
import pytest
from capture.pacing import Limiter, Pace, Timeline
from capture.shaping import advice, fitted, fitted_size
from hypothesis import given
from hypothesis import strategies as st


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_file_is_played_at_its_own_speed_when_work_is_quick() -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep)
    shown_s = []

    for index in range(90):
        assert not pace.is_late(index / 30, 1 / 30)
        pace.wait(index / 30)
        shown_s.append(clock.now_s)
        clock.sleep(0.01)

    assert shown_s == pytest.approx([100 + index / 30 for index in range(90)])


def test_frames_are_left_out_when_work_is_slow_so_that_the_file_does_not_drift() -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep)
    shown = 0

    for index in range(120):
        if pace.is_late(index / 30, 1 / 30):
            continue
        pace.wait(index / 30)
        clock.sleep(0.05)
        shown += 1

    assert clock.now_s - 100 == pytest.approx(120 / 30, abs=0.06)
    assert shown == pytest.approx(80, abs=2)


def test_one_hiccup_is_made_up_for_without_drift() -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep)
    pace.wait(0)
    clock.sleep(0.5)

    assert all(pace.is_late(index / 30, 1 / 30) for index in range(1, 14))
    assert not pace.is_late(15 / 30, 1 / 30)
    pace.wait(15 / 30)
    assert clock.now_s == pytest.approx(100.5)


def test_a_file_goes_on_where_it_was_after_the_machine_slept() -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep)
    pace.wait(0)
    clock.sleep(3600)

    assert not pace.is_late(1 / 30, 1 / 30)
    pace.wait(2 / 30)
    assert clock.now_s == pytest.approx(3700 + 1 / 30)


def moments(fps: float, stamps_ms: list[float]) -> list[float]:
    timeline = Timeline(fps)
    return [timeline.at_s(stamp_ms) for stamp_ms in stamps_ms]


@pytest.mark.parametrize("fps", [0, 30, 1000, 90_000, math.nan, -1])
def test_time_stamps_decide_whatever_rate_a_file_claims(fps: float) -> None:
    assert moments(fps, [500, 533, 567, 700, 1700]) == pytest.approx([0, 0.033, 0.067, 0.2, 1.2])


@pytest.mark.parametrize(("fps", "step_s"), [(30, 1 / 30), (10, 0.1), (1000, 0.04), (0, 0.04), (math.nan, 0.04)])
@pytest.mark.parametrize("stamp_ms", [0.0, math.nan, 70.0])
def test_without_time_stamps_the_rate_decides_if_it_can_be_true(fps: float, step_s: float, stamp_ms: float) -> None:
    assert moments(fps, [stamp_ms] * 4) == pytest.approx([0, step_s, 2 * step_s, 3 * step_s])


def test_stamps_that_jump_back_or_far_ahead_neither_stop_nor_rush_a_file() -> None:
    assert moments(25, [0, 40, 10, 50, 1e9, 1e9 + 40]) == pytest.approx([0, 0.04, 0.08, 0.12, 3.12, 3.16])
    assert moments(25, [0, 0, 100, 100, 200, 200]) == pytest.approx([0, 0.04, 0.1, 0.14, 0.2, 0.24])


def test_a_file_that_begins_again_goes_on_one_step_later() -> None:
    timeline = Timeline(1000)
    first = [timeline.at_s(stamp_ms) for stamp_ms in (0, 33, 66)]
    timeline.restart()
    assert first + [timeline.at_s(stamp_ms) for stamp_ms in (0, 33, 66)] == pytest.approx(
        [0.033 * index for index in range(6)]
    )


@given(
    fps=st.floats(allow_nan=True, allow_infinity=True),
    stamps_ms=st.lists(
        st.floats(allow_nan=True, allow_infinity=True) | st.integers(-100, 10_000).map(float), max_size=50
    ),
)
def test_no_stamp_makes_time_go_back_stop_or_leap(fps: float, stamps_ms: list[float]) -> None:
    steps_s = np.diff(moments(fps, stamps_ms))
    assert ((steps_s >= 0) & (steps_s < 3.01)).all()


@given(fps=st.floats(1, 120), gaps_s=st.lists(st.floats(0, 0.2), min_size=1, max_size=300))
def test_no_more_frames_pass_than_the_limit_allows(fps: float, gaps_s: list[float]) -> None:
    limiter = Limiter(fps)
    moments_s = np.cumsum([0.0, *gaps_s]).tolist()

    passed = sum(limiter.due(moment_s) for moment_s in moments_s)

    assert 1 <= passed <= moments_s[-1] * fps + 2


@given(jitter_s=st.lists(st.floats(-0.007, 0.007), min_size=2, max_size=200))
def test_a_camera_that_jitters_at_the_limit_loses_no_frame(jitter_s: list[float]) -> None:
    limiter = Limiter(30)

    assert all(limiter.due(index / 30 + late_s) for index, late_s in enumerate(jitter_s))


def test_every_second_frame_passes_when_the_source_is_twice_as_fast() -> None:
    limiter = Limiter(30)

    assert [limiter.due(index / 60) for index in range(8)] == [True, False] * 4


@given(width=st.integers(2, 8000), height=st.integers(2, 8000), limit=st.integers(32, 1920).map(lambda half: 2 * half))
def test_fitted_sizes_are_even_within_the_limit_and_keep_the_shape(width: int, height: int, limit: int) -> None:
    new_width, new_height = fitted_size(width, height, limit)

    assert new_width % 2 == new_height % 2 == 0
    assert 2 <= new_width <= limit
    scale = min(1, limit / width)
    assert abs(new_width - width * scale) < 2 + 1e-6
    assert abs(new_height - height * scale) < 2 + 1e-6


def test_a_picture_that_fits_is_not_copied() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)

    assert fitted(picture, 640) is picture
    assert fitted(picture, 320).shape == (240, 320, 3)
    assert fitted(np.zeros((481, 641, 3), np.uint8), 1280).shape == (480, 640, 3)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((640, 480), ""),
        ((640, 360), ""),
        ((640, 640), ""),
        ((0, 0), ""),
        ((640, 1138), "is tall (640x1138)"),
        ((480, 640), "is tall (480x640)"),
        ((640, 180), "is very wide (640x180)"),
        ((640, 320), "is very wide (640x320)"),
    ],
)
def test_a_shape_in_which_faces_are_missed_is_advised_on(size: tuple[int, int], said: str) -> None:
    assert advice(*size).startswith(said)
    assert ("DETECTOR_INPUT" in advice(*size)) == bool(said)
