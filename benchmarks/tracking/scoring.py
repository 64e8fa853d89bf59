"""Score tracks against the truth with TrackEval, which lives in an environment of its own."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows.pipe import ROOT
from benchmarks.rows.venvs import Venv
from benchmarks.tracking.clips import Boxed, Clip
from benchmarks.tracking.judging import judged, numbered

SCORING = Venv("trackeval-venv", ("numpy>=2.2", "scipy>=1.17"), ("trackeval==1.3.0",), "TrackEval: 200 MB")


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one clip; the first three in percent."""

    hota: float
    idf1: float
    mota: float
    id_switches: int


def score(pairs: Sequence[tuple[Clip, Boxed]]) -> list[Scores]:
    """Return the scores of tracks, each with its clip.

    Raises:
        VenvError: TrackEval cannot be had.
        CalledProcessError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
        files = [Path(folder) / f"{number}.npz" for number in range(len(pairs))]
        for file, (clip, tracks) in zip(files, pairs, strict=True):
            _write(file, clip, tracks)
        command = (str(SCORING.ready()), "-m", "benchmarks.tracking.metrics")
        told = "\n".join(map(str, files))
        done = subprocess.run(command, cwd=ROOT, input=told, stdout=subprocess.PIPE, text=True, check=True)
    return [Scores(**each) for each in json.loads(done.stdout.splitlines()[-1])]


def _write(file: Path, clip: Clip, tracks: Boxed) -> None:
    left = judged(clip.truth, tracks, clip.frames)
    columns: dict[str, Any] = {}
    for side in ("truth", "tracks"):
        boxes: Boxed = getattr(left, side)
        columns |= {f"{side}_frame": boxes.frame, f"{side}_ident": numbered(boxes.ident), f"{side}_xyxy": boxes.xyxy}
    np.savez(file, frames=clip.frames, **columns)
