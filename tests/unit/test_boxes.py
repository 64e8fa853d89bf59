"""Box formats convert there and back, and IoU is what its definition says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facewire.boxes import area, cxcywh_to_xyxy, intersection, iou, points_at, xyxy_to_cxcywh

rows = st.lists(
    st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.5, 300), st.floats(0.5, 300)), max_size=6
).map(lambda boxes: np.array(boxes).reshape(-1, 4))


@given(rows)
def test_formats_convert_there_and_back(cxcywh: np.ndarray) -> None:
    np.testing.assert_allclose(xyxy_to_cxcywh(cxcywh_to_xyxy(cxcywh)), cxcywh, atol=1e-9)


@given(rows, rows)
def test_iou_is_symmetric_and_a_share(first: np.ndarray, second: np.ndarray) -> None:
    one, other = cxcywh_to_xyxy(first), cxcywh_to_xyxy(second)
    overlaps = iou(one, other)
    assert overlaps.shape == (len(first), len(second))
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-9)).all()
    np.testing.assert_allclose(overlaps, iou(other, one).T)
    np.testing.assert_allclose(np.diag(iou(one, one)), 1)


def test_iou_of_a_known_pair() -> None:
    one, other = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 5, 15, 15]])
    assert intersection(one, other)[0, 0] == 25
    assert iou(one, other)[0, 0] == 25 / 175


def test_a_box_turned_inside_out_has_no_area() -> None:
    assert area(np.array([[10.0, 0, 5, 5]]))[0] == 0


def test_points_lie_at_their_shares_of_each_box() -> None:
    boxes, shares = np.array([[0.0, 0, 10, 20], [5.0, 5, 15, 25]]), np.array([[0.0, 0], [0.5, 0.25], [1.5, -1]])
    assert (boxes @ points_at(shares)).tolist() == [[0, 0, 5, 5, 15, -20], [5, 5, 10, 10, 20, -15]]
