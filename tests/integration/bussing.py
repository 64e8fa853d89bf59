"""The bus as the product runs it, and cameras that publish frames of a size without filming."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from capture.frame_room import FrameRoom
from capture.outlet import Outlet

from facewire import frame_budget, keys
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from facewire.streams import Publisher
from tests.places import ROOT
from tests.servers import free_port, process, program


@contextmanager
def shipped_bus(*arguments: str) -> Iterator[str]:
    """Run a bus with the shipped settings; yields its URL."""
    port = free_port()
    command = [program("redis-server"), str(ROOT / "config" / "redis" / "bus.conf"), "--port", str(port)]
    with process([*command, "--bind", "127.0.0.1", *arguments], port):
        yield f"redis://127.0.0.1:{port}/0"


class Host:
    """A process that captures: its cameras publish black frames.

    Args:
        url: the bus.
        folder: of its heartbeat.
        sizes: width and height of each camera's pictures.
    """

    def __init__(self, url: str, folder: Path, sizes: dict[str, tuple[int, int]]) -> None:
        self.metrics = Metrics("test")
        self.heartbeat = Heartbeat("test", folder, self.metrics, connect(url), watchdog_s=None)
        link = Link(connect(url), "bus", self.heartbeat, self.metrics, frame_budget.relieve)
        self.now_s = 0.0
        self.room = FrameRoom(link, open_log("test"), lambda: self.now_s)
        frames = Publisher(link, keys.FRAMES, self.metrics)
        self.outlets = {camera: Outlet(camera, frames, self.metrics, self.room) for camera in sizes}
        self.sizes = sizes
        self.tracks = Publisher(link, keys.TRACKS, self.metrics)

    def film(self, count: int) -> None:
        """Let each camera publish some frames, in turn; a second passes with each."""
        for number in range(1, count + 1):
            for camera, outlet in self.outlets.items():
                width, height = self.sizes[camera]
                outlet.publish(np.zeros((height, width, 3), np.uint8), number)
            self.look()

    def look(self) -> None:
        self.now_s += 1.1
        self.room.look()

    @property
    def refused(self) -> list[str]:
        return [camera for camera, outlet in self.outlets.items() if outlet.refusal]

    def errors(self, kind: str) -> float:
        return self.metrics.registry.get_sample_value("facewire_test_errors_total", {"kind": kind}) or 0.0


def lengths(url: str, cameras: Any) -> list[int]:
    client: Any = connect(url)
    return [client.xlen(keys.FRAMES.key(camera)) for camera in cameras]
