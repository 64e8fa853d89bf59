"""What is seen of a face is judged by the first rule that it breaks, in the order in which docs/unlocking.md asks."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from iot_bridge.locks.evidence import Look, Shown
from iot_bridge.locks.model import Evidence, Unlocking
from iot_bridge.locks.policy import judge

from facewire.audit import Reason
from facewire.messages import Track
from tests.unlocking.fakes import NOW, SECOND, UNLOCKING

TRACK = Track(7, (0.0, 0.0, 100.0, 140.0), 0.9, "confirmed", 9, (0.0, 0.0))
GOOD = [
    Look(
        n, NOW.wall_ns - (6 - n) * SECOND // 5, NOW.steady_ns - (6 - n) * SECOND // 5, f"{n}", "Ada", 0.7, 0.3, 0.9, 90
    )
    for n in range(1, 6)
]
THERE = Shown(NOW.wall_ns, NOW.steady_ns, 6, {7: TRACK})


def all_of(**changes: Any) -> list[Look]:
    return [replace(look, **changes) for look in GOOD]


def last(**changes: Any) -> list[Look]:
    return [*GOOD[:-1], replace(GOOD[-1], **changes)]


def aged(seconds: float) -> list[Look]:
    ns = int(seconds * SECOND)
    return [replace(each, captured_ns=each.captured_ns - ns, arrived_ns=each.arrived_ns - ns) for each in GOOD]


@pytest.mark.parametrize(
    ("looks", "shown", "reason"),
    [
        (GOOD, THERE, None),
        (GOOD[1:], THERE, None),
        (GOOD[2:], THERE, "too_few_looks"),
        ([], THERE, "too_few_looks"),
        (aged(10), THERE, "too_few_looks"),
        (all_of(name=None), THERE, "unknown_face"),
        (all_of(name="Cyd"), THERE, "not_allowed"),
        ([replace(GOOD[0], name="Cyd"), *all_of(name="Dan")[1:]], THERE, "not_allowed"),
        ([replace(GOOD[0], name="Ben"), *GOOD[1:]], THERE, "someone_else"),
        ([replace(GOOD[0], name="Cyd", similarity=-0.5), *GOOD[1:]], THERE, "someone_else"),
        ([*all_of(name=None)[:2], *GOOD[2:]], THERE, "unsure"),
        (all_of(similarity=0.499), THERE, "unlike"),
        (all_of(similarity=math.nan), THERE, "unlike"),
        (all_of(margin=0.099), THERE, "too_close"),
        (all_of(live_score=None), THERE, "not_live"),
        (all_of(live_score=0.799), THERE, "not_live"),
        ([*all_of(live_score=0.0)[:2], *GOOD[2:]], THERE, "not_live"),
        (all_of(face_px=79.9), THERE, "too_small"),
        (all_of(face_px=0.0), THERE, "too_small"),
        (last(name=None), THERE, "last_look"),
        (last(live_score=0.1), THERE, "last_look"),
        (aged(1.81), THERE, "stale"),
        ([replace(each, captured_ns=each.captured_ns - 2 * SECOND) for each in GOOD], THERE, "stale"),
        ([replace(each, arrived_ns=each.arrived_ns - 2 * SECOND) for each in GOOD], THERE, "stale"),
        (GOOD, None, "camera_silent"),
        (GOOD, replace(THERE, captured_ns=NOW.wall_ns - SECOND - 1), "camera_silent"),
        (GOOD, replace(THERE, arrived_ns=NOW.steady_ns - SECOND - 1), "camera_silent"),
        (GOOD, replace(THERE, tracks={}), "gone"),
        (GOOD, replace(THERE, tracks={8: TRACK}), "gone"),
        (GOOD, replace(THERE, tracks={7: replace(TRACK, state="coasting")}), "gone"),
        (GOOD, replace(THERE, tracks={7: replace(TRACK, state="tentative")}), "gone"),
    ],
)
def test_what_is_seen_is_judged_by_the_first_rule_that_it_breaks(
    looks: Sequence[Look], shown: Shown | None, reason: Reason | None
) -> None:
    assert judge(UNLOCKING, looks, 7, shown, NOW).reason == reason


@pytest.mark.parametrize(
    "unlocking",
    [
        replace(UNLOCKING, people=()),
        *(
            replace(UNLOCKING, evidence=replace(Evidence(), **numbers))
            for numbers in (
                *({"of_looks": (0, 0)}, {"of_looks": (-1, 5)}, {"of_looks": (6, 5)}),
                *({"similarity": math.nan}, {"margin": math.nan}, {"live_score": math.nan}, {"face_px": math.nan}),
            )
        ),
    ],
)
def test_numbers_that_make_no_sense_open_nothing(unlocking: Unlocking) -> None:
    assert judge(unlocking, GOOD, 7, THERE, NOW).reason is not None
    assert judge(unlocking, [], 7, THERE, NOW).reason is not None
