"""Frames per camera follow from the bus's memory; a camera that does not fit has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewire import keys
from facewire.frame_budget import ARRIVING, LEAST_FRAMES, Demand, allocate, allocated_bytes

MB = 2**20
VGA, TALL, WIDE = 640 * 480 * 3, 640 * 1138 * 3, 640 * 180 * 3


def cameras(*picture_bytes: int) -> list[Demand]:
    return [Demand(f"c{number}", size, number + 1) for number, size in enumerate(picture_bytes)]


@pytest.mark.parametrize(
    ("sizes", "frames"),
    [
        ([VGA], [32]),
        ([VGA] * 5, [32] * 5),
        ([VGA] * 8, [23] * 8),
        ([VGA] * 16, [11] * 16),
        ([TALL] * 8, [8] * 8),
        ([WIDE] * 16, [31] * 16),
        ([VGA] * 8 + [TALL] * 4, [9] * 12),
        # The eleventh tall one is refused, and so are those behind it; a smaller one still fits.
        ([TALL] * 12 + [WIDE], [6] * 10 + [0, 0, 6]),
    ],
)
def test_frames_follow_from_the_size_and_number_of_cameras(sizes: list[int], frames: list[int]) -> None:
    assert list(allocate(cameras(*sizes), 192 * MB).values()) == frames


@given(
    sizes=st.lists(st.integers(1, 8 * MB), max_size=40),
    budget=st.integers(0, 512 * MB),
)
def test_frames_never_exceed_the_budget_and_an_admitted_camera_has_enough(sizes: list[int], budget: int) -> None:
    demands = cameras(*sizes)
    frames = allocate(demands, budget)
    taken = sum(
        (frames[each.camera] + ARRIVING) * allocated_bytes(each.picture_bytes)
        for each in demands
        if frames[each.camera]
    )
    assert taken <= budget
    assert all(kept == 0 or LEAST_FRAMES <= kept <= keys.FRAMES.maxlen for kept in frames.values())
    # Who comes later takes no earlier camera's room.
    for number, demand in enumerate(demands):
        assert bool(allocate(demands[: number + 1], budget)[demand.camera]) == bool(frames[demand.camera])
