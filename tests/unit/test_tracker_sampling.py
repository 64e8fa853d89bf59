"""Pixels are those that places lie in, and outside a picture those of its border."""

import numpy as np
import pytest
from tracker.sampling import pixels_at


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_a_place_has_the_pixel_that_it_lies_in(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    column, row = places = np.array([[[0.0, 0.99, 8.5], [3.0, 4.5, 8.99]], [[0.0, 6.99, 2.0], [0.5, 1.5, 6.0]]])
    assert (pixels_at(picture, places) == picture[row.astype(int), column.astype(int)]).all()


def test_a_place_outside_has_the_nearest_pixel_of_the_border() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    places = np.array([[[-0.5, -70000.0, 4.0, 70000.0]], [[1.0, -1.0, 2.0, 70000.0]]])
    assert pixels_at(picture, places).tolist() == [[4, 0, 11, 11]]


def test_nobody_has_no_pixels() -> None:
    assert pixels_at(np.zeros((3, 4, 3), np.uint8), np.empty((2, 0, 5))).shape == (0, 5, 3)
