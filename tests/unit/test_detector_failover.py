"""A backend that fails is helped out by the next at once, and an answer that is late or wrong is not used."""

from collections.abc import Sequence

import numpy as np
import pytest
from detector.geometry import Tensor
from detector.guarding import Reason, TroubleError

from tests.unit.fake_backends import Scene, outputs


def test_the_best_answers_and_the_next_is_not_even_loaded() -> None:
    scene = Scene()

    assert [scene.frame() for _ in range(5)] == ["fast"] * 5
    assert scene.scripts["slow"].started == 0
    assert scene.said == []


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        (TroubleError("error", "the device is gone"), "error"),
        (outputs()[:-1], "garbage"),
        ([tensor[:, :-1] for tensor in outputs()], "garbage"),
        ([*outputs()[1:], outputs()[0]], "garbage"),
        ([*outputs()[:-1], outputs()[-1] * np.nan], "garbage"),
        ([*outputs()[:-1], outputs()[-1] * np.inf], "garbage"),
        (outputs(-1e30), "garbage"),
    ],
)
def test_the_same_frame_goes_to_the_next_when_the_best_fails(
    gives: Sequence[Tensor] | TroubleError, reason: Reason
) -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].gives = gives
    before_s = scene.clock()

    assert scene.frame(after_s=0) == "slow"
    # The next had to be loaded.
    assert scene.clock() - before_s < 0.2
    assert scene.said == [("fast", reason)]


def test_who_hangs_is_helped_out_at_once_and_failed_after_a_second() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = float("inf")
    before_s = scene.clock()

    assert scene.frame(after_s=0) == "slow"
    # Within the second that the tracker keeps a face for, counted from the detection before.
    assert scene.clock() - before_s < 0.5
    assert scene.said == []
    while not scene.said:
        assert scene.frame(after_s=0.1) == "slow"
    assert 1.0 <= scene.clock() - before_s < 1.2
    assert scene.said == [("fast", "hang")]
    assert scene.candidates["fast"].fate() == ("fast failed (hang: no answer within 1 s); fast is tried again in 30 s")


def test_who_is_late_once_is_not_failed_and_its_late_answer_is_not_used() -> None:
    scene = Scene()
    scene.frame()
    late, scene.scripts["fast"].takes_s = outputs(0.1), 0.6
    scene.scripts["fast"].gives = late

    assert scene.frame() == "slow"
    assert scene.frame(after_s=0.05) == "slow"
    scene.clock.now_s += 0.5
    scene.scripts["fast"].takes_s, scene.scripts["fast"].gives = 0.001, outputs()
    assert scene.frame() == "fast"
    assert scene.said == []


def test_who_is_always_late_is_failed() -> None:
    scene = Scene()
    scene.frame()
    scene.scripts["fast"].takes_s = 0.6

    assert [scene.frame(after_s=1) for _ in range(6)] == ["slow"] * 6
    assert scene.said == [("fast", "slow")]


def test_the_only_one_is_given_more_time() -> None:
    scene = Scene("only")
    scene.frame()
    scene.scripts["only"].takes_s = 3.0

    assert scene.frame() == "only"
    scene.scripts["only"].takes_s = 6.0
    assert scene.frame() is None
    assert scene.said == [("only", "hang")]


def test_one_that_is_wrong_from_the_start_is_passed_over() -> None:
    scene = Scene("fast", "slow", "slower")
    scene.frame()
    scene.scripts["fast"].gives = TroubleError("error", "gone")
    scene.scripts["slow"].gives = outputs(0.4)

    assert scene.frame() == "slower"
    assert scene.said == [("fast", "error"), ("slow", "garbage")]


def test_outputs_that_make_no_sense_are_the_fault_of_who_gave_them() -> None:
    scene = Scene()
    scene.frame()

    scene.failover.distrust("fast", "a box without area")

    assert scene.frame() == "slow"
    assert scene.said == [("fast", "garbage")]
