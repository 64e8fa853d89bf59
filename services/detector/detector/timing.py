"""Time one backend in a process of its own: `python -m detector.timing BACKEND FILE THREADS CANVAS RESULT`.

A backend that takes its process along then takes no other's figures.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detector.backends import KINDS, BackendError
from detector.opening import opening

WARM_UP = 5
RUNS = 40
MS_PER_S = 1000


def spent_ms(action: Callable[[], object], runs: int = RUNS) -> list[float]:
    """Return how long each of a few runs took."""
    spent = []
    for _ in range(runs):
        started_s = time.perf_counter()
        action()
        spent.append((time.perf_counter() - started_s) * MS_PER_S)
    return spent


def main() -> None:
    """Write what one backend gave for a canvas, and how long it took each time; a failure is one line and code 1."""
    name, file, threads, canvas_path, result = sys.argv[1:]
    canvas = np.load(canvas_path)
    opened = opening(name, Path(file), int(threads))
    try:
        backend = opened.load()
        KINDS[name].refuse()
        outputs = [np.array(output) for output in backend.infer(canvas)]
        for _ in range(WARM_UP):
            backend.infer(canvas)
        np.savez(result, spent_ms(lambda: backend.infer(canvas)), *outputs)
    except BackendError as error:
        print(error, file=sys.stderr)  # noqa: T201  for whoever started this process
        sys.exit(1)
    finally:
        opened.abort()


if __name__ == "__main__":
    main()
