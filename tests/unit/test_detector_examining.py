"""What a backend answers is right by what the first one, and then the reference, saw in the check photo."""

from dataclasses import replace

import pytest
from detector.examining import Examiner, Truth
from detector.geometry import InputSize
from detector.guarding import TroubleError

from tests.unit.fake_backends import FAMILY, PHOTO, outputs


@pytest.mark.parametrize("value", [50.0, -50.0])
def test_sane_outputs_pass(value: float) -> None:
    Examiner(FAMILY, Truth(PHOTO)).require_sane(outputs(value))


def test_what_is_right_is_learnt_from_the_first_and_from_the_reference_for_good() -> None:
    examiner, mine = Examiner(FAMILY, Truth(PHOTO)), outputs(0.5)
    examiner.require_right("fast", mine)
    # A backend may use its buffers again.
    mine[0][:] = 9
    examiner.require_right("slow", outputs(0.5005))
    with pytest.raises(TroubleError, match=r"garbage: in the check photo: 1 of 1 faces not found \(IoU 0\.82\)"):
        examiner.require_right("slow", outputs(0.6))
    examiner.require_right("onnxruntime", outputs(0.6))
    examiner.require_right("slow", outputs(0.6))


def test_a_network_of_another_kind_need_only_see_the_same_large_faces() -> None:
    truth = Truth(PHOTO)
    other = replace(FAMILY, name="other", size=InputSize(32, 32))
    Examiner(FAMILY, truth).require_right("onnxruntime", outputs(0.5))

    Examiner(other, truth).require_right("fast", outputs(0.8))

    with pytest.raises(TroubleError, match="in the check photo: 1 of 1 faces not found"):
        Examiner(other, truth).require_right("fast", outputs(2.0))
