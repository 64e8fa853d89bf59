"""Masks: no pixel that a mask touches is kept, and none is lost that lies well outside."""

import cv2
import numpy as np
import pytest
from capture.masking import Veil, kept_pixels
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facewire.shapes import Area, tangled_sides

FINE = 16
shares = st.floats(0, 1, width=16)
polygons = st.lists(st.tuples(shares, shares), min_size=3, max_size=6).filter(
    lambda polygon: tangled_sides(polygon) is None
)


def touched(polygon: list[tuple[float, float]], width: int, height: int) -> np.ndarray:
    """Look at FINE x FINE points of every pixel, (height, width) bool: is one of them inside?"""
    x, y = np.meshgrid((np.arange(width * FINE) + 0.5) / FINE, (np.arange(height * FINE) + 0.5) / FINE)
    inside = np.zeros(x.shape, bool)
    corners = np.array(polygon) * (width, height)
    with np.errstate(divide="ignore", invalid="ignore"):
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            inside ^= ((ay > y) != (by > y)) & (x < ax + (bx - ax) * (y - ay) / (by - ay))
    return np.asarray(inside.reshape(height, FINE, width, FINE).any(axis=(1, 3)))


@settings(max_examples=60)
# A tip in the picture's corner.
@example([(1.0, 0.0), (1.0, 1.0), (0.5, 0.0)], 8, 9)
@given(polygons, st.integers(8, 40), st.integers(8, 40))
def test_every_pixel_that_a_mask_touches_is_black_and_no_other_but_a_rim(
    polygon: list[tuple[float, float]], width: int, height: int
) -> None:
    black = kept_pixels([Area("window", tuple(polygon))], height, width) == 0
    inside = touched(polygon, width, height)
    assert not (inside & ~black).any()
    near = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    corners = (np.array(polygon) * (width, height)).astype(int).clip(0, (width - 1, height - 1))
    # A sliver may touch no point that is looked at; around its corners and border it may be black all the same.
    outline = np.zeros((height, width), np.uint8)
    cv2.polylines(outline, [corners.astype(np.int32)], isClosed=True, color=1)
    near |= cv2.dilate(outline, np.ones((5, 5), np.uint8)) > 0
    assert not (black & ~near).any()


@pytest.mark.parametrize("inset", [0.25, 0.26, 0.303])
def test_the_rim_is_two_pixels_wide_at_the_most(inset: float) -> None:
    far = 1 - inset
    square = Area("window", ((inset, inset), (far, inset), (far, far), (inset, far)))
    black = np.flatnonzero((kept_pixels([square], 160, 160) == 0).any(axis=0))
    assert 160 * inset - 3 <= black[0] <= 160 * inset
    assert 160 * far <= black[-1] + 1 <= 160 * far + 2


def test_a_veil_blackens_the_picture_itself_and_fits_every_size() -> None:
    masks = (Area("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1))), Area("dot", ((0.9, 0.9), (1, 0.9), (1, 1))))
    veil = Veil(lambda: masks)
    for width, height in ((64, 48), (640, 480), (64, 48)):
        picture = np.full((height, width, 3), 200, np.uint8)
        assert veil.cover(picture) is picture
        assert not picture[:, : width // 2].any()
        assert (picture[: height // 2, width // 2 + 2 :] == 200).all()
        assert not picture[-1, -1].any()


LEFT = Area("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
RIGHT = Area("right", ((0.5, 0), (1, 0), (1, 1), (0.5, 1)))


def test_a_veil_changes_with_its_masks_from_the_next_picture_on() -> None:
    now: list[tuple[Area, ...]] = [()]
    veil, black = Veil(lambda: now[0]), []
    for now[0] in ((), (LEFT,), (LEFT, RIGHT), (RIGHT,), ()):
        picture = veil.cover(np.full((48, 64, 3), 200, np.uint8))
        black.append((not picture[:, :28].any(), not picture[:, 36:].any()))
    assert black == [(False, False), (True, False), (True, True), (False, True), (False, False)]


def test_a_veil_knows_when_what_was_published_shows_what_is_to_be_hidden_now() -> None:
    masks: tuple[Area, ...] = (LEFT,)
    veil, picture = Veil(lambda: masks), np.full((48, 64, 3), 200, np.uint8)
    assert veil.bares, "an earlier run may have published with fewer masks"
    veil.cover(picture)
    assert veil.hides_more
    veil.publishing()
    assert not veil.bares
    assert not veil.hides_more
    masks = (LEFT, RIGHT)
    assert veil.bares
    assert not veil.hides_more, "the picture that is on its way was covered before"
    veil.publishing()
    assert veil.bares, "nor does its publication settle it"
    veil.cover(picture)
    assert veil.hides_more
    veil.publishing()
    masks = (RIGHT,)
    assert not veil.bares
    veil.cover(picture)
    assert not veil.hides_more
    veil.publishing()
    masks = (LEFT, RIGHT)
    assert veil.bares


def test_a_picture_that_turns_hides_what_either_turn_would_show() -> None:
    corner = Area("window", ((0, 0), (0.25, 0), (0.25, 0.5), (0, 0.5)))
    veil = Veil(lambda: (corner,))
    scene = np.full((48, 64, 3), 200, np.uint8)
    scene[:24, :16] = 9
    veil.cover(scene.copy())
    for turn in (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE):
        turned = veil.cover(np.asarray(cv2.rotate(scene, turn), np.uint8))
        assert not (turned == 9).any()
        assert (turned == 200).any()
    again = veil.cover(scene.copy())
    assert (again[30:, 20:] == 200).all()


def test_without_masks_a_picture_stays_as_it_is() -> None:
    picture = np.full((48, 64, 3), 200, np.uint8)
    assert (Veil(tuple).cover(picture) == 200).all()


@pytest.mark.parametrize("polygon", [((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))])
def test_a_mask_of_everything_leaves_nothing(polygon: tuple[tuple[float, float], ...]) -> None:
    assert not kept_pixels([Area("all", polygon)], 480, 640).any()
