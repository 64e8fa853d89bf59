"""Run a network on the check pictures and time it: an ONNX file here, a library in a process of its own.

`python -m detector.converting.running LIBRARY PICTURES ANSWERS THREADS` is that process: TVM's runtime stays in it.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from detector.backends import BackendError, open_tvm
from detector.backends.onnxruntime import ONNXRUNTIME_ERRORS
from detector.converting.problems import ConversionError, one_line
from detector.geometry import Tensor

WARM_UP, RUNS = 3, 20
MOST_S = 2.0
"""Once it has run twice, a slow network is timed no longer than this."""
MS_PER_S = 1000
TIME = "median_ms"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network gives for each of the check pictures.

    Args:
        outputs: for each picture each output.
        median_ms: of one picture.
    """

    outputs: Sequence[Sequence[NDArray[Any]]]
    median_ms: float


def run_onnx(model: Path, inputs: Sequence[Tensor], threads: int) -> Answers:
    """Run an ONNX file with onnxruntime, on inputs of the shape that it takes.

    Raises:
        ConversionError: onnxruntime does not take it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return _run(lambda each: session.run(None, {name: each}), inputs)
    except ONNXRUNTIME_ERRORS as error:
        raise ConversionError(f"onnxruntime cannot run {model.name}: {one_line(error)}") from error


def save(answers: Answers, file: Path) -> None:
    """Write answers for another process."""
    arrays: dict[str, Any] = {
        f"{k}-{at}": each for k, outputs in enumerate(answers.outputs) for at, each in enumerate(outputs)
    }
    arrays[TIME] = np.array(answers.median_ms)
    np.savez(file, **arrays)


def load(file: Path) -> Answers:
    """Read answers of another process."""
    with np.load(file) as arrays:
        places = sorted(tuple(map(int, name.split("-"))) for name in arrays.files if name != TIME)
        pictures = sorted({picture for picture, _ in places})
        outputs = [[arrays[f"{k}-{at}"] for picture, at in places if picture == k] for k in pictures]
        return Answers(outputs, float(arrays[TIME]))


def _run(infer: Callable[[Any], Sequence[Any]], pictures: Sequence[NDArray[Any]]) -> Answers:
    # Copies: what a backend gives is valid until its next call only.
    outputs = [[np.array(output) for output in infer(picture)] for picture in pictures]
    return Answers(outputs, median_ms(lambda: infer(pictures[0])))


def median_ms(run: Callable[[], object]) -> float:
    """Time what is run again and again."""
    spent_s: list[float] = []
    while len(spent_s) < WARM_UP + RUNS and (len(spent_s) < 2 or sum(spent_s) < MOST_S):
        started_s = time.perf_counter()
        run()
        spent_s.append(time.perf_counter() - started_s)
    return statistics.median(spent_s[-RUNS:]) * MS_PER_S


def main() -> None:
    """Run a library; what does not work is one line on standard error and exit code 2."""
    library, pictures, answers, threads = sys.argv[1:]
    with np.load(pictures) as arrays:
        canvases = [arrays[name] for name in arrays.files]
    try:
        save(_run(open_tvm(Path(library), int(threads)).infer, canvases), Path(answers))
    except BackendError as error:
        print(one_line(error), file=sys.stderr)  # noqa: T201  the conversion reads it
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
