"""A face's box follows detections that belong together, and smooths ones that scatter."""

from itertools import count

import numpy as np
import pytest
from tracker.tracking import CameraTracker, Rules

from facewire.messages import Detections, Face
from facewire.metrics import Metrics
from tests.unit.scene import NOWHERE, Scene, Walker, stamp


def followed(offsets: list[float], every: int) -> list[float]:
    """Return how wide a still face's box is after each look, where the detector says 80 px and an offset."""
    scene, tracker = Scene(Walker(200, 150)), CameraTracker("door", Rules(), count(1).__next__, Metrics("test"))
    widths = []
    for index in range(1, every * len(offsets) + 1):
        tracker.see(scene.frame(index))
        if index % every == 0:
            half = offsets[index // every - 1] / 2
            face = Face((200.0 - half, 150.0, 280.0 + half, 230.0), 0.9, NOWHERE)
            tracker.correct(Detections("door", index, stamp(index), "test", 1.0, (face,)))
            ((left, _, right, _),) = (track.xyxy for track in tracker.tracks(scene.frame(index)).tracks)
            widths.append(right - left - 80)
    return widths


@pytest.mark.parametrize("every", [1, 3, 5])
def test_a_head_that_turns_is_followed(every: int) -> None:
    offsets = [1.5 * look for look in range(16)]
    widths = followed(offsets, every)
    assert np.abs(np.array(widths) - offsets)[4:].max() < 1.5


@pytest.mark.parametrize("every", [1, 3, 5])
def test_detections_that_scatter_are_smoothed(every: int) -> None:
    offsets = np.random.default_rng(3).normal(0, 5, 60)
    widths = np.array(followed(offsets.tolist(), every))
    assert widths[20:].std() < 0.5 * offsets[20:].std()
