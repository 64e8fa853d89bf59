"""Files play in real time, fast cameras are thinned, pictures keep their shape."""

import numpy as np
import pytest
from capture.pacing import Limiter, Pace
from capture.shaping import fitted, fitted_size
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
    pace = Pace(30, clock, clock.sleep)
    shown_s = []

    for index in range(90):
        pace.wait(index)
        shown_s.append(clock.now_s)
        clock.sleep(0.01)
        assert pace.late(index + 1) == 0

    assert shown_s == pytest.approx([100 + index / 30 for index in range(90)])


def test_frames_are_left_out_when_work_is_slow_so_that_the_file_does_not_drift() -> None:
    clock = Clock()
    pace = Pace(30, clock, clock.sleep)
    index = 0

    for _ in range(60):
        pace.wait(index)
        clock.sleep(0.05)
        index += 1
        index += pace.late(index)

    assert index / 30 == pytest.approx(clock.now_s - 100, abs=1 / 30)


def test_one_hiccup_is_made_up_for_without_drift() -> None:
    clock = Clock()
    pace = Pace(30, clock, clock.sleep)
    pace.wait(0)
    clock.sleep(0.5)

    assert pace.late(1) == 14
    pace.wait(15)
    assert clock.now_s == pytest.approx(100.5)


def test_a_file_goes_on_where_it_was_after_the_machine_slept() -> None:
    clock = Clock()
    pace = Pace(30, clock, clock.sleep)
    pace.wait(0)
    clock.sleep(3600)

    assert pace.late(1) == 0
    pace.wait(2)
    assert clock.now_s == pytest.approx(3700 + 1 / 30)


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
