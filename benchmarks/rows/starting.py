"""Time the detector from its start to the first faces on the bus, its files being there."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from detector.geometry import InputSize

from benchmarks.bus import running_bus
from benchmarks.rows.serving import frame_of
from facewire import codec, keys
from facewire.link import connect
from runner.plan import KEPT, MALLOC, ROOT

CAMERA = "bench"
STARTS = 5
LONGEST_MS = 4_000
"""Less than the client waits for an answer."""


def first_faces_s(frame: Path, size: InputSize) -> float:
    """Return the median of a few starts of `python -m detector`, in seconds, until it published faces.

    Args:
        frame: a picture that was saved as an array.
        size: the network's input.
    """
    with running_bus() as socket:
        told = {"BUS_URL": f"unix://{socket}", "DETECTOR_INPUT": str(size), "LOG_LEVEL": "WARNING"}
        places = {"MODELS_DIR": str(KEPT / "models"), "CACHE_DIR": str(KEPT / "cache")}
        environment = os.environ | MALLOC | told | places
        # What is not there yet is made before, as set-up does.
        subprocess.run([sys.executable, "-m", "detector", "prepare"], cwd=ROOT, env=environment, check=True)
        _put(socket, frame)
        return round(median(_start_s(socket, environment) for _ in range(STARTS)), 2)


def _put(socket: str, frame: Path) -> None:
    client, message = connect(f"unix://{socket}"), frame_of(frame)
    client.xadd(keys.FRAMES.key(message.camera), {keys.FIELD: codec.encode(message)}, id=f"{message.seq}-0")


def _start_s(socket: str, environment: dict[str, str]) -> float:
    client: Any = connect(f"unix://{socket}")
    detections = keys.DETECTIONS.key(CAMERA)
    client.delete(detections)
    # A camera announced long ago, or ahead of the clock, is none.
    client.zadd(keys.CAMERAS, {CAMERA: time.time()})
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as run_dir:
        started_s = time.perf_counter()
        detector = subprocess.Popen(
            [sys.executable, "-m", "detector"], cwd=ROOT, env=environment | {"RUN_DIR": run_dir}
        )
        try:
            if not client.xread({detections: "0-0"}, block=LONGEST_MS):
                raise SystemExit(f"bench: the detector found nothing within {LONGEST_MS / 1000:g} s")
            return time.perf_counter() - started_s
        finally:
            detector.terminate()
            detector.wait()
