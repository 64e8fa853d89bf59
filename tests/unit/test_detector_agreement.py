"""Two backends agree when both see the same faces; what one of them hardly sees does not count."""

import pytest
from detector.agreement import disagreement, disagreement_of_kinds, least_iou

from facewire.messages import Face


def face(left: float, score: float = 0.9, side: float = 100) -> Face:
    return Face((left, 0, left + side, side), score, None)


def test_the_same_faces_in_any_order_agree() -> None:
    assert disagreement([face(0), face(200)], [face(201), face(0)]) == ""


@pytest.mark.parametrize(
    ("found", "right", "complaint"),
    [
        ([face(0)], [face(0), face(200)], "1 of 2 faces not found (IoU 0.00)"),
        ([], [face(0)], "1 of 1 faces not found (IoU 0.00)"),
        ([face(0), face(200)], [face(0)], "1 of 2 faces that should not be (IoU 0.00)"),
        ([face(0)], [], "1 of 1 faces that should not be (IoU 0.00)"),
        ([face(10)], [face(0)], "1 of 1 faces not found (IoU 0.82)"),
    ],
)
def test_a_face_that_one_of_them_does_not_see_is_said(found: list[Face], right: list[Face], complaint: str) -> None:
    assert disagreement(found, right) == complaint


def test_a_face_that_is_faint_for_both_may_be_missing() -> None:
    assert disagreement([face(0), face(200, 0.5)], [face(0), face(400, 0.55)]) == ""


def test_a_face_may_be_sure_for_one_and_faint_for_the_other() -> None:
    assert disagreement([face(0, 0.61)], [face(0, 0.59)]) == ""


def test_networks_of_two_kinds_may_draw_other_boxes_and_miss_small_faces() -> None:
    small = face(300, side=10)

    assert disagreement_of_kinds([face(25)], [face(0), small], height_px=480) == ""
    assert disagreement_of_kinds([face(60)], [face(0), small], height_px=480) == "1 of 1 faces not found (IoU 0.25)"


def test_the_least_overlap_is_the_worst_of_both_sides() -> None:
    assert least_iou([face(0), face(200)], [face(0), face(210)]) == pytest.approx(90 / 110)
    assert least_iou([], []) == 1.0
    assert least_iou([face(0)], []) == 0.0
