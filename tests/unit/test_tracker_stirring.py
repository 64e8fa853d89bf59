"""Looking out for who left costs a bounded time, wherever and however much stirs."""

import numpy as np
import pytest
from tracker import expecting
from tracker.expecting import MOST_SEARCHES, come_back
from tracker.motion import View, view
from tracker.recalling import patches
from tracker.table import TrackTable

from facewire.boxes import Boxes
from tests.unit.scene import HEIGHT, WIDTH, smooth

FACE = np.array(((400.0, 300, 424, 330),))
EVERYWHERE = np.array(((0.0, 0, WIDTH, HEIGHT),))


class Alike:
    """Describes everybody alike."""

    def describe(self, _picture: np.ndarray, xyxy: Boxes) -> np.ndarray:
        return np.ones((len(xyxy), 1), np.float32)


def somebody(now: View, faces: Boxes = FACE) -> TrackTable:
    """Return people of whom is known what they look like where they are now."""
    sizes, looks = faces[:, 2:] - faces[:, :2], np.ones((len(faces), 1), np.float32)
    return TrackTable(id=np.arange(len(faces)), look=looks, patch=patches(now, faces), patch_size=sizes)


def noise() -> View:
    return view(smooth(np.random.default_rng(3), HEIGHT, WIDTH, grain=6))


def test_of_a_picture_that_stirs_all_over_each_frame_searches_a_part_and_the_frames_together_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[np.ndarray] = []

    def spot(_now: View, _patch: np.ndarray, place: np.ndarray, reach: np.ndarray) -> tuple[float, np.ndarray]:
        reach_px = reach * place[3]
        looked.append(np.concatenate((place[:2] - reach_px, place[:2] + reach_px)))
        return -1.0, place

    monkeypatch.setattr(expecting, "spot", spot)
    now, seen = noise(), np.zeros((HEIGHT, WIDTH), bool)
    gone = somebody(now)
    for turn in range(60):
        assert come_back(now, EVERYWHERE, gone, np.empty((0, 4)), Alike(), turn) == []
    assert len(looked) == 60 * MOST_SEARCHES
    for left, top, right, bottom in np.array(looked).round().astype(int).tolist():
        assert (right - left, bottom - top) <= (24 * 6, 30 * 6)
        seen[max(0, top) : bottom, max(0, left) : right] = True
    assert seen.all()


def test_who_is_back_is_found_in_a_picture_that_stirs_all_over() -> None:
    now = noise()
    gone = somebody(now)
    frames = (come_back(now, EVERYWHERE, gone, np.empty((0, 4)), Alike(), turn) for turn in range(60))
    (found,) = next(filter(None, frames))
    assert found.place == pytest.approx([412, 315, 24, 30], abs=2)


def test_nobody_is_searched_for_of_whom_no_picture_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    now = noise()
    gone = somebody(now, np.concatenate((FACE, FACE - 100)))
    gone.patch[0] = 0
    asked: list[np.ndarray] = []

    def spot(_now: View, patch: np.ndarray, place: np.ndarray, _reach: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(patch)
        return -1.0, place

    monkeypatch.setattr(expecting, "spot", spot)
    come_back(now, FACE, gone, np.empty((0, 4)), Alike(), 0)
    assert [each.any() for each in asked] == [True]
