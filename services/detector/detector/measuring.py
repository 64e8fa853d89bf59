"""Time every backend that works on this host with a real photo, and choose the fastest that agrees."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from detector.agreement import FAINT
from detector.backends import KINDS, REFERENCE, BackendError
from detector.examining import Truth
from detector.geometry import InputSize, LetterboxCanvas, Tensor
from detector.guarding import LONGEST_TEXT
from facewire.messages import Face
from facewire.pixels import Picture

LONGEST_S = 60.0
"""For one backend: to load on a busy Pi, and then some fifty inferences."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One backend on this host; `problem` says why it cannot be chosen."""

    backend: str
    median_ms: float | None
    p90_ms: float | None
    max_abs_error: float | None
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.backend} not usable ({self.problem})"
        return f"{self.backend} {self.median_ms:.2f} ms"


@dataclass(frozen=True, slots=True)
class Choice:
    """The fastest backend on this host, and the table that says so."""

    chosen: str
    rows: tuple[Measurement, ...]

    @property
    def ranked(self) -> tuple[str, ...]:
        """The backends that can be used, fastest first."""
        usable = [(row.median_ms, row.backend) for row in self.rows if row.median_ms is not None and not row.problem]
        return tuple(name for _, name in sorted(usable))

    @property
    def why(self) -> str:
        """Say in a few words why it was chosen."""
        return f"{self.chosen}, the fastest here that agrees with {REFERENCE}"

    def __str__(self) -> str:
        return ", ".join(map(str, self.rows))


@dataclass(frozen=True, slots=True)
class _Timed:
    """What a backend gave for the check photo."""

    family: str
    spent_ms: Sequence[float]
    tensors: Sequence[Tensor]
    faces: tuple[Face, ...]


def measure(files: Mapping[str, Path], size: InputSize, threads: int, photo: Picture) -> Choice:
    """Time each kind of backend; those that cannot run here say why.

    Args:
        files: backend name to the file that it loads, which need not be there, but for the reference's.
        size: the input of the network that the operator wants.
        threads: how many threads one inference may use.
        photo: (height, width, 3) uint8 BGR, with faces in it.

    Raises:
        BackendError: the reference cannot run here.
    """
    truth = Truth(photo)
    reference = _timed(REFERENCE, files[REFERENCE], size, threads, photo)

    def row(name: str, path: Path) -> Measurement:
        if not path.exists():
            return Measurement(name, None, None, None, KINDS[name].missing)
        try:
            timed = reference if name == REFERENCE else _timed(name, path, size, threads, photo)
        except BackendError as error:
            return Measurement(name, None, None, None, " ".join(str(error).split())[:LONGEST_TEXT])
        return _row(name, timed, reference, truth)

    rows = tuple(row(name, files[name]) for name in (REFERENCE, *(name for name in files if name != REFERENCE)))
    # The reference agrees with itself, so there is a first.
    return Choice(chosen=Choice("", rows).ranked[0], rows=rows)


def difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest absolute difference of any value."""
    return max(float(np.abs(our - their).max()) for our, their in zip(ours, theirs, strict=True))


def save(choice: Choice, path: Path) -> None:
    """Write a choice, whole or not at all."""
    half_done = path.with_suffix(".tmp")
    half_done.write_text(json.dumps(asdict(choice), indent=1), encoding="utf-8")
    half_done.replace(path)


def load(path: Path) -> Choice | None:
    """Read a choice; None if there is none, or none that this version wrote."""
    try:
        choice = msgspec.json.decode(path.read_bytes(), type=Choice)
    except (OSError, ValueError):
        return None
    return choice if {choice.chosen, *choice.ranked} <= KINDS.keys() else None


def _row(name: str, timed: _Timed, reference: _Timed, truth: Truth) -> Measurement:
    problem = truth.complaint(name, timed.family, timed.faces)
    p90_ms = statistics.quantiles(timed.spent_ms, n=10)[-1]
    error = difference(timed.tensors, reference.tensors) if timed.family == reference.family else None
    return Measurement(name, statistics.median(timed.spent_ms), p90_ms, error, problem)


def _timed(name: str, path: Path, size: InputSize, threads: int, photo: Picture) -> _Timed:
    family = KINDS[name].family(size)
    canvas, placed = LetterboxCanvas(family.size).fill(photo)
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "canvas.npy", Path(folder) / "answer.npz"
        np.save(asked, canvas)
        _run(name, str(path), str(threads), str(asked), str(answer))
        with np.load(answer) as kept:
            spent_ms, *tensors = (kept[each] for each in kept.files)
    if tuple(tensor.shape for tensor in tensors) != family.shapes:
        raise BackendError(f"outputs of shapes that should not be: {[tensor.shape for tensor in tensors]}")
    try:
        faces = family.decode(tensors, placed, FAINT)
    except ValueError as error:
        raise BackendError(f"faces that cannot be: {error}") from error
    return _Timed(family.name, spent_ms.tolist(), tensors, faces)


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "detector.timing", *arguments]
    try:
        done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, timeout=LONGEST_S)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"no answer within {LONGEST_S:g} s") from error
    if done.returncode < 0:
        raise BackendError(f"its process was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise BackendError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
