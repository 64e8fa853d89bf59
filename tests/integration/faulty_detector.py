"""The detector with backends that fail on demand, run by `test_detector_failover.py` as a process.

A file `FAULTS/BACKEND` that holds `crash`, `hang`, `nan`, `shape` or `unforeseen` makes that backend do so.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from detector.__main__ import main
from detector.backends import KINDS, Backend, BackendError, Kind
from detector.candidate import Patience
from detector.geometry import Canvas, Tensor

FAULTS = Path(os.environ["FAULTS"])
HANGS_FOR_S = 3600.0


def crash(_: Sequence[Tensor]) -> Sequence[Tensor]:
    raise BackendError("the device is gone")


def hang(_: Sequence[Tensor]) -> Sequence[Tensor]:
    # Not to be interrupted by anything, like native code.
    time.sleep(HANGS_FOR_S)
    return []


def unforeseen(_: Sequence[Tensor]) -> Sequence[Tensor]:
    raise ZeroDivisionError("nobody thought of it")


ACTS: dict[str, Callable[[Sequence[Tensor]], Sequence[Tensor]]] = {
    "crash": crash,
    "hang": hang,
    "nan": lambda tensors: [np.full_like(tensor, np.nan) for tensor in tensors],
    "shape": lambda tensors: [tensor[:, :7] for tensor in tensors],
    "unforeseen": unforeseen,
}


class Faulty:
    """A real backend that fails while its file of faults is there."""

    def __init__(self, name: str, backend: Backend) -> None:
        self.name = name
        self._backend = backend

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        tensors = self._backend.infer(canvas)
        fault = FAULTS / self.name
        return ACTS[fault.read_text(encoding="utf-8")](tensors) if fault.exists() else tensors


def faulty(name: str, kind: Kind) -> Kind:
    return replace(kind, open=lambda path, threads: Faulty(name, kind.open(path, threads)))


if __name__ == "__main__":
    # On a busy host a backend may load for long. Soon tried again: tests wait for it.
    patience = Patience(load_late_s=15, load_hang_s=18, retry_s=float(os.environ["RETRY_S"]), retry_alone_s=0.5)
    # For the detector alone; a step that it starts as a process has the real backends.
    with (
        patch.dict(KINDS, {name: faulty(name, kind) for name, kind in KINDS.items()}),
        patch("detector.choosing.PATIENCE", patience),
    ):
        sys.exit(main())
