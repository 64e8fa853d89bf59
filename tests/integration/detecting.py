"""The detector as a process, its cache, and an eye that shows it frames and reads what it finds."""

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from detector.artifacts import Artifacts
from detector.geometry import InputSize

from facewire import keys
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Detections, Frame
from facewire.models import model_path
from tests.integration.door import entries, put
from tests.places import CACHE, MODELS, ROOT
from tests.processes import Running, service
from tests.servers import free_port

COMMAND = (str(ROOT / "tests/integration/patient_detector.py"),)
PREPARED_WITHIN_S = 600
EVERY_MOST = 15
"""The default of `DETECT_EVERY_MAX`: at that distance every frame is due."""
OF_NO_HOST = {"DETECT_BUSY_PERCENT": "101", "THERMAL_DIR": "/nowhere"}
"""Settings with which neither load nor heat of the host that runs the tests matter."""


def detector(folder: Path, bus_url: str, cache: Path = CACHE, **settings: str) -> AbstractContextManager[Running]:
    told = {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(cache), "METRICS_PORT": str(free_port())}
    # As a host that is not busy with other tests would detect.
    told |= {"DETECT_EVERY": "5", "PATH": f"{as_important(folder)}:{os.environ['PATH']}"} | settings
    return service("detector", folder, command=COMMAND, BUS_URL=bus_url, **told)


def as_important(folder: Path) -> Path:
    """Return a folder with a `nice` that is none: beside busy tests, what has a low priority would never be done."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    nice = programs / "nice"
    nice.write_text('#!/bin/sh\nshift 2\nexec "$@"\n', encoding="utf-8")
    nice.chmod(0o755)
    return programs


def artifacts(cache: Path) -> Artifacts:
    return Artifacts(model_path(MODELS, "yunet"), InputSize(320, 256), 1, cache)


class Eye:
    """Shows the detector frames, and reads what it finds."""

    def __init__(self, url: str, picture: np.ndarray) -> None:
        self._bus, self._picture = connect(url), picture
        self._after: bytes | str = "0"
        self.announce()

    def announce(self) -> None:
        self._bus.zadd(keys.CAMERAS, {"door": time.time()})

    def show(self, *seqs: int) -> None:
        """Publish frames so that the detector finds all of them at once."""
        with self._bus.pipeline(transaction=True) as together:
            for seq in seqs:
                put(together, keys.FRAMES, self.frame(seq))
            together.execute()

    def frame(self, seq: int) -> Frame:
        height, width = self._picture.shape[:2]
        # A second from one frame to the next: no host is too slow to look as often as it is asked to.
        captured_ns = (1_700_000_000 + seq) * 1_000_000_000
        return Frame("door", seq, captured_ns, width, height, "bgr24", self._picture.tobytes())

    def settle(self, first: int) -> int:
        """Show frames until the detector has seen how slow the camera is; return the last one's seq."""
        last = first + 3 * EVERY_MOST
        for seq in range(first, last + 1, EVERY_MOST):
            self.show(seq)
            assert self.next().seq == seq
        return last

    def next(self) -> Detections:
        ((self._after, fields),) = entries(self._bus, keys.DETECTIONS.key("door"), self._after, "detections", count=1)
        return decode(fields[keys.FIELD], Detections)

    def count(self) -> int:
        length: Any = self._bus.xlen(keys.DETECTIONS.key("door"))
        return int(length)

    def sees(self, first: int, running: Running, note: str, within_s: float = PREPARED_WITHIN_S) -> Detections:
        """Show frames until the detector's note says so; return what it then finds."""
        seq, end_s = first, time.monotonic() + within_s
        while note not in running.notes().get("backend", ""):
            assert time.monotonic() < end_s, running.output()[-2000:]
            self.announce()
            self.show(seq)
            self.next()
            seq += 5
            time.sleep(0.2)
        self.show(seq)
        return self.next()


def spoil(path: Path, content: bytes) -> None:
    assert path.exists(), path
    path.write_bytes(content)
