"""The methods that are held side by side, and the environments that they need."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows.pipe import ROOT
from benchmarks.rows.venvs import Venv
from benchmarks.tracking.clips import Boxed

CONTRIB = Venv("contrib-venv", ("opencv-contrib-python-headless>=5,<6", "numpy>=2.2"), (), "OpenCV contrib: 250 MB")
ROBOFLOW = Venv("roboflow-venv", ("trackers==2.6.1",), (), "roboflow's trackers: 600 MB")
NORFAIR = Venv("norfair-venv", ("norfair-enough==2.4.3",), (), "norfair-enough: 250 MB")


@dataclass(frozen=True, slots=True)
class Entry:
    """How to run a method.

    Args:
        module: its worker in `benchmarks.tracking`.
        venv: None for the project's own environment.
    """

    module: str
    venv: Venv | None = None


METHODS = {
    "flow": Entry("ours"),
    "kalman": Entry("kalman"),
    "kcf": Entry("opencv", CONTRIB),
    "csrt": Entry("opencv", CONTRIB),
    "bytetrack": Entry("roboflow", ROBOFLOW),
    "ocsort": Entry("roboflow", ROBOFLOW),
    "norfair": Entry("norfair", NORFAIR),
}
# One core, whatever a library thinks of that.
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class MethodError(Exception):
    """A method cannot be run here; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a method made of a clip: its tracks, and the milliseconds of every frame."""

    tracks: Boxed
    spent_ms: NDArray[np.float64]


def play(name: str, clips: Sequence[Path], late: int = 0) -> list[Played]:
    """Let a method follow the faces of some clips.

    Raises:
        VenvError: its environment cannot be made.
        MethodError: it failed.
    """
    entry = METHODS[name]
    python = str(entry.venv.ready() if entry.venv else sys.executable)
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
        arguments = (name, str(late), folder, *map(str, clips))
        command = (python, "-m", f"benchmarks.tracking.{entry.module}", *arguments)
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | ONE_CORE,
            check=False,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise MethodError(f"{name}: {last}")
        return [_read(Path(folder) / f"{clip.name}.npz") for clip in clips]


def _read(file: Path) -> Played:
    with np.load(file) as kept:
        tracks = Boxed(*(kept[name] for name in ("frame", "ident", "xyxy", "share")))
        return Played(tracks, kept["spent_ms"])
