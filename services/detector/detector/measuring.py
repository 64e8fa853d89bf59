"""Time every backend that works on this host with the real model, and choose the fastest that agrees."""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from detector.backends import OPENERS, REFERENCE, Backend, BackendError
from detector.geometry import Canvas, InputSize, Tensor

WARM_UP = 5
RUNS = 40
# Outputs lie within 0..1 and a few cells; two right float32 implementations differ by some 1e-6 here.
AGREE_WITHIN = 1e-3
MS_PER_S = 1000


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

    def __str__(self) -> str:
        return f"{self.chosen} of: " + ", ".join(map(str, self.rows))


def measure(files: Mapping[str, Path], size: InputSize, threads: int) -> Choice:
    """Time each backend whose file is given; the reference must be among them.

    Args:
        files: backend name to the file that it loads.
        size: the network's input.
        threads: how many threads one inference may use.
    """
    canvas = check_picture(size)
    truth = [np.array(output) for output in OPENERS[REFERENCE](files[REFERENCE], threads).infer(canvas)]
    rows = tuple(_measure_one(name, path, threads, canvas, truth) for name, path in files.items())
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
    return choice if choice.chosen in OPENERS else None


def _measure_one(name: str, path: Path, threads: int, canvas: Canvas, truth: Sequence[Tensor]) -> Measurement:
    try:
        backend = OPENERS[name](path, threads)
    except BackendError as error:
        return Measurement(name, None, None, None, str(error))
    outputs = backend.infer(canvas)
    max_abs_error = difference(outputs, truth)
    spent_ms = _time(backend, canvas)
    problem = "" if max_abs_error <= AGREE_WITHIN else f"differs from {REFERENCE} by {max_abs_error:.2g}"
    p90_ms = statistics.quantiles(spent_ms, n=10)[-1]
    return Measurement(name, statistics.median(spent_ms), p90_ms, max_abs_error, problem)


def _time(backend: Backend, canvas: Canvas) -> list[float]:
    for _ in range(WARM_UP):
        backend.infer(canvas)
    spent_ms = []
    for _ in range(RUNS):
        started_s = time.perf_counter()
        backend.infer(canvas)
        spent_ms.append((time.perf_counter() - started_s) * MS_PER_S)
    return spent_ms


def check_picture(size: InputSize) -> Canvas:
    """Return a picture-like canvas: the time does not depend on content, and every backend must answer it alike."""
    rows, columns = np.mgrid[: size.height, : size.width].astype(np.float32)
    waves = [127 + 127 * np.sin(rows / (7 + k) + columns / (11 - k)) for k in range(3)]
    return np.stack(waves, axis=-1)[None].astype(np.uint8)
