"""A camera that is turned shows faces only in the turned picture; the detector notes it, with the demo clip."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP
from detector.backends.onnxruntime import OnnxRuntimeBackend
from detector.failover import Answer
from detector.families.yunet import yunet
from detector.finding import FaceFinder
from detector.geometry import InputSize, Views
from detector.turned import TURNS, TurnedCameras

from facewire.messages import Frame
from facewire.metrics import Metrics
from tests.integration.detecting import artifacts
from tests.places import CACHE, DEMO

SIZE = InputSize(320, 256)


@dataclass
class Reference:
    """The network, as onnxruntime runs it."""

    backend: OnnxRuntimeBackend
    size: InputSize = SIZE

    def infer(self, views: Views) -> Answer:
        family = yunet(SIZE)
        canvas, _ = views.at(SIZE)
        return Answer("onnxruntime", family, self.backend.infer(canvas))


@pytest.fixture(scope="module")
def network() -> Reference:
    return Reference(OnnxRuntimeBackend(artifacts(CACHE).static_model, 1))


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    """A picture of each second of the demo clip's middle, in which people are."""
    capture = cv2.VideoCapture(str(DEMO / CLIP))
    pictures = []
    for index in range(37):
        capture.set(cv2.CAP_PROP_POS_FRAMES, 100 + 30 * index)
        pictures.append(np.asarray(capture.read()[1], np.uint8))
    return pictures


def notes_of(network: Reference, pictures: list[np.ndarray]) -> list[str]:
    """Return the notes about a camera that shows these pictures, a second apart and over and over."""
    said: list[str] = []
    now_s = [0.0]
    finder = FaceFinder(0.6, Metrics("detector"))
    cameras = TurnedCameras(
        lambda frame: finder.find(frame, network), lambda _name, text: said.append(text), lambda: now_s[0]
    )
    for index in range(220):
        shown = pictures[index % len(pictures)]
        frame = Frame("door", index, index + 1, shown.shape[1], shown.shape[0], "bgr24", shown.tobytes())
        cameras.check(frame, finder.find(frame, network))
        now_s[0] += 1.0
    return said


@pytest.mark.parametrize(
    ("hangs", "words"),
    [
        (cv2.ROTATE_180, TURNS[cv2.ROTATE_180]),
        (cv2.ROTATE_90_CLOCKWISE, "to the right"),
        (cv2.ROTATE_90_COUNTERCLOCKWISE, "to the left"),
    ],
)
def test_a_camera_that_is_turned_is_noted(network: Reference, clip: list[np.ndarray], hangs: int, words: str) -> None:
    said = notes_of(network, [np.asarray(cv2.rotate(shown, hangs), np.uint8) for shown in clip])
    assert any(said)
    assert all(words in text for text in said if text)


def test_a_camera_that_is_upright_or_shows_nobody_is_not(network: Reference, clip: list[np.ndarray]) -> None:
    assert not any(notes_of(network, clip))
    assert not any(notes_of(network, [np.full((480, 640, 3), 90, np.uint8)]))
