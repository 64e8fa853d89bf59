"""Fixtures of several files: the bridge's surroundings, what detector and capture are shown, a watched dashboard."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP

from facewire.link import connect
from tests.integration.bridge import Room, Store
from tests.integration.filming import FILE_FPS, FILE_FRAMES
from tests.integration.web_process import Camera, Web, camera, web
from tests.places import CACHE, DEMO

# ---- the bridge


@pytest.fixture
def room(bus_url: str) -> Iterator[Room]:
    """A camera before which nobody is yet."""
    room = Room(bus_url)
    yield room
    room.close()


@pytest.fixture
def store(store_url: str) -> Store:
    """The events' store."""
    return Store(connect(store_url))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules' file."""
    return tmp_path / "rules.yaml"


# ---- detector and capture


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """The first frame of the demo clip: two people."""
    there, first = cv2.VideoCapture(str(DEMO / CLIP)).read()
    assert there
    return first


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A copy of what set-up prepared, to be spoiled."""
    return Path(shutil.copytree(CACHE, tmp_path / "cache"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thirds of a second, each frame a little lighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "ramp.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILE_FPS, (320, 240))
    for index in range(FILE_FRAMES):
        writer.write(np.full((240, 320, 3), 20 + 10 * index, np.uint8))
    writer.release()
    return path


# ---- the dashboard


@pytest.fixture
def door(tmp_path: Path, bus_url: str) -> Iterator[Camera]:
    """A camera that films."""
    with camera(tmp_path, bus_url) as made:
        yield made


@pytest.fixture
def dashboard(tmp_path: Path, bus_url: str) -> Iterator[Web]:
    """The dashboard with a bus, without a store."""
    with web(tmp_path, bus_url, MAX_VIEWERS="2") as made:
        yield made
