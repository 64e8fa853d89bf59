"""Find faces again that flow has lost sight of: what they looked like when detected, searched for where they may be.

Normalized cross-correlation: Lewis, "Fast Normalized Cross-Correlation" (1995), as OpenCV's `TM_CCOEFF_NORMED`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, prod, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, cxcywh_to_xyxy, iou, xyxy_to_cxcywh
from facewire.pixels import Picture
from tracker.appearance import Describer, Looks
from tracker.kalman import Axes
from tracker.motion import View
from tracker.sampling import pixels_at

Places = NDArray[np.floating]
"""(N, 4): centre x, centre y, width, height, px of the original."""
Patches = NDArray[np.uint8]
"""(N, PATCH_HEIGHT, PATCH_WIDTH) gray: faces, all of one size; all 0 where there is nothing to be searched for."""
Glances = NDArray[np.uint8]
"""(N, GLANCED) gray: faces, every other pixel of a patch."""

PATCH_WIDTH, PATCH_HEIGHT = 16, 20
PATCH = np.array((PATCH_WIDTH, PATCH_HEIGHT))
# Of the box: its corners are background.
PATCH_SHARE = 0.8
# A face has contrast; a wall or a black picture matches everything.
FLATTEST = 8.0
# From so many pixels for one of a patch on, finer texture is blurred first; else it would look otherwise every time.
ALIASES_FROM = 1.6
# Measured on the composed clips: who is there is alike by more, and somebody else or a background hardly ever.
LIKE, HALF_LIKE = 0.8, 0.85
# 99 % of people are so much like they were; one in a thousand is so much like somebody else.
SURE = 0.9
# Half hidden, people do not look quite as before; what a few grey pixels take for them looks otherwise.
LOOKS_FROM = 0.7
# Where somebody is already, nobody else is searched for.
TAKEN_IOU = 0.3
# Who is a little less alike may be of another size than believed.
MAYBE, ZOOMS = 0.55, (1.0, 1.12, 0.89)
# Whoever comes out from behind something, or into the picture, shows one side of the face first.
WHOLE, HALVES = slice(0, 16), (slice(0, 8), slice(8, 16))

# At a glance every other pixel is enough.
_COLUMNS, _LINES = (
    (np.arange(0, PATCH_WIDTH, 2) + 0.5) / PATCH_WIDTH,
    (np.arange(0, PATCH_HEIGHT, 2) + 0.5) / PATCH_HEIGHT,
)
_GLANCE = PATCH_SHARE * (np.stack(np.meshgrid(_COLUMNS, _LINES)).reshape(2, 1, -1) - 0.5)
GLANCED = _GLANCE.shape[2]

Point = NDArray[np.float64]
"""(2,): x, y."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Where faces look most like what they did: (N, 4) px of the original, how much (N,), and whether to believe it."""

    place: Axes
    likeness: NDArray[np.float64]
    found: NDArray[np.bool_]


def patches(view: View, xyxy: Boxes) -> Patches:
    """Return what faces (N, 4) look like; all 0 where they reach out of the picture."""
    cut = np.zeros((len(xyxy), PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
    place = xyxy_to_cxcywh(xyxy) * view.scale
    spread = place[:, 2:] * PATCH_SHARE / PATCH
    low, high = place[:, :2] - spread * PATCH / 2, place[:, :2] + spread * PATCH / 2
    for row in np.flatnonzero(((low >= 0) & (high <= view.gray.shape[::-1])).all(axis=1)):
        cut[row] = _resampled(view.gray, low[row], spread[row], (PATCH_WIDTH, PATCH_HEIGHT))
    return cut


def likeness(view: View, known: Patches, place: Places) -> NDArray[np.float64]:
    """Return how much those at `place` (N, 4) look, at a glance, like what is known of them: (N,) of -1..1."""
    return similarity(glances(view, place), known[:, ::2, ::2].reshape(len(known), GLANCED))


def glances(view: View, place: Places) -> Glances:
    """Return what is seen at `place` (N, 4) at a glance."""
    here = (place * view.scale).T[..., None]
    return pixels_at(view.gray, here[:2] + here[2:] * _GLANCE)


def similarity(first: Picture, second: Picture) -> NDArray[np.float64]:
    """Return the normalized correlation of pictures (N, ...) with others, (N,)."""
    one, other = (_centred(each.reshape(len(each), prod(each.shape[1:]))) for each in (first, second))
    power = np.vecdot(one, one) * np.vecdot(other, other)
    return np.asarray(np.vecdot(one, other) / np.sqrt(np.maximum(power, 1.0)), np.float64)


def _centred(pixels: Picture) -> NDArray[np.float32]:
    """Return rows (N, P) less their means."""
    ones = np.full(pixels.shape[1], 1 / pixels.shape[1], np.float32)
    rows = pixels.astype(np.float32)
    return np.asarray(rows - (rows @ ones)[:, None], np.float32)


def untaken(place: Places, taken: Boxes) -> NDArray[np.bool_]:
    """Return at which places (N, 4) nobody of those is who are at `taken` (M, 4), (N,)."""
    return np.asarray(iou(cxcywh_to_xyxy(place), taken).max(axis=1, initial=0) <= TAKEN_IOU)


def look_like(view: View, place: Places, look: Looks, describer: Describer) -> NDArray[np.bool_]:
    """Return at which places (N, 4) somebody looks enough like what is known of them, (N, D)."""
    seen = describer.describe(view.colour, cxcywh_to_xyxy(place) * view.scale)
    return np.asarray((seen * look).sum(axis=1) >= LOOKS_FROM)


def recall(
    view: View, known: Patches, place: Places, reach: NDArray[np.float64], emerging: NDArray[np.bool_]
) -> Recalled:
    """Search for faces.

    Args:
        view: the picture to look at.
        known: (N, ...) what they looked like.
        place: (N, 4) where they are believed to be, and how large they were when they looked so, px of the original.
        reach: (N, 2) how far from there they may be, sideways and up or down, in their heights.
        emerging: (N,) of whom one side of the face is enough.
    """
    best = Recalled(place.astype(np.float64), np.full(len(place), -1.0), np.zeros(len(place), bool))
    for row in np.flatnonzero(known.reshape(len(known), prod(known.shape[1:])).std(axis=1) > FLATTEST):
        for enough, alike, there in _looks(view, known[row], place[row], reach[row], whole=not emerging[row]):
            if alike > best.likeness[row]:
                best.likeness[row], best.place[row], best.found[row] = alike, there, alike >= enough
    return best


def _looks(
    view: View, patch: Picture, place: Point, reach: Point, *, whole: bool
) -> Iterator[tuple[float, float, Point]]:
    """Yield of each way to look for a face what likeness is enough, what there is, and where (4,); stop when found."""
    alike = MAYBE
    for zoom in ZOOMS:
        if MAYBE <= alike < LIKE:
            sized = place * (1, 1, zoom, zoom)
            alike, centre = _search(view, patch, sized, reach / zoom, WHOLE)
            yield LIKE, alike, np.concatenate((centre, sized[2:]))
    for half in () if whole or alike >= LIKE else HALVES:
        alike, centre = _search(view, patch, place, reach, half)
        yield HALF_LIKE, alike, np.concatenate((centre, place[2:]))


def spot(view: View, patch: Picture, place: Point, reach: Point) -> tuple[float, Point]:
    """Search for a face, or either half of it, of one size only.

    Args:
        view: the picture to look at.
        patch: what it looked like.
        place: (4,) around which place, and how large it was when it looked so, px of the original.
        reach: (2,) how far from there it may be, sideways and up or down, in its heights.

    Returns:
        How much what was found looks like it, and where that is, (4,).
    """
    window = _window(view, place, reach, WHOLE)
    best = max((_best(window, patch, part) for part in (WHOLE, *HALVES)), key=lambda found: found[0])
    return best[0], np.concatenate((best[1] / view.scale, place[2:]))


def _search(view: View, patch: Picture, place: Point, reach: Point, part: slice) -> tuple[float, Point]:
    """Return the best likeness of some columns of a patch around a place (4,), and the face's centre there (2,)."""
    alike, centre = _best(_window(view, place, reach, part), patch, part)
    return alike, centre / view.scale


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a view: its pixels as large as a patch's, where it begins, (2,), and how far apart they are, (2,)."""

    pixels: Picture
    low: Point
    spread: Point


def _window(view: View, place: Point, reach: Point, part: slice) -> _Window:
    """Cut out where some columns of a patch may be whose face is within `reach` of a place."""
    here, spread = place * view.scale, place[2:] * view.scale * PATCH_SHARE / PATCH
    aside = np.array((_aside(part) * spread[0], 0))
    half = (np.ceil(reach * here[3] / spread) + np.array((part.stop - part.start, PATCH_HEIGHT)) / 2) * spread
    low = np.maximum(here[:2] + aside - half, 0)
    high = np.minimum(here[:2] + aside + half, view.gray.shape[::-1])
    width, height = np.floor((high - low) / spread + 1e-6).astype(int).tolist()
    if width <= 0 or height <= 0:
        return _Window(np.empty((0, 0), np.uint8), low, spread)
    return _Window(_resampled(view.gray, low, spread, (width, height)), low, spread)


def _best(window: _Window, patch: Picture, part: slice) -> tuple[float, Point]:
    """Return the best likeness of some columns of a patch, and the face's centre there, (2,) px of the view."""
    size = np.array((part.stop - part.start, PATCH_HEIGHT))
    wanted = np.ascontiguousarray(patch[:, part])
    if (window.pixels.shape[::-1] < size).any() or wanted.std() < FLATTEST:
        return -1.0, window.low
    alike = np.asarray(cv2.matchTemplate(window.pixels, wanted, cv2.TM_CCOEFF_NORMED), np.float32)
    _, most, _, (column, line) = cv2.minMaxLoc(alike)
    summit = np.array((_summit(alike[line], column), _summit(alike[:, column], line)))
    return most, window.low + window.spread * (summit + size / 2 - (_aside(part), 0))


def _aside(part: slice) -> float:
    """Return how far the middle of some columns is from a patch's middle."""
    first, beyond = int(part.start), int(part.stop)
    return (first + beyond - PATCH_WIDTH) / 2


def _summit(values: NDArray[np.floating], at: int) -> float:
    """Return where a parabola through the highest value and its neighbours has its summit."""
    if not 0 < at < len(values) - 1:
        return float(at)
    left, middle, right = values[at - 1 : at + 2].tolist()
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend < 0 else 0.0)


def _resampled(gray: Picture, corner: Point, spread: Point, size: tuple[int, int]) -> Picture:
    """Return a part of a picture, of `size` (width, height): from `corner` on, `spread` of its pixels for each."""
    # Numbers: of two each, an array takes ten times as long.
    (left, top), (wide, high) = corner.tolist(), spread.tolist()
    columns, lines = _around(left, wide, size[0], gray.shape[1]), _around(top, high, size[1], gray.shape[0])
    part, coarse = gray[lines, columns], max(wide, high)
    if coarse > ALIASES_FROM:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.5 * sqrt(coarse**2 - 1)), np.uint8)
    # The middle of a small pixel lies in the middle of those that it stands for.
    first_x, first_y = left - columns.start + wide / 2 - 0.5, top - lines.start + high / 2 - 0.5
    move = np.array(((wide, 0, first_x), (0, high, first_y)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(part, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _around(first: float, step: float, count: int, limit: int) -> slice:
    """Return which pixels, of `limit` in a line, `count` steps from `first` on lie on, and as many around as matter."""
    low = min(max(floor(first - step) - 1, 0), limit - 1)
    return slice(low, min(max(ceil(first + step * count + step) + 1, low + 1), limit))
