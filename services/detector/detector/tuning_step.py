"""The step `tune`: what it is told, before the compiler is loaded."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from detector.backends.tvm import set_threads
from detector.settings import DetectorSettings
from detector.steps import MODEL, artifacts_of
from facewire.settings import stop_operator

TARGETS = ("host", "avx512", "avx2", "simd128")
TRIALS = 48


def tuning_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell a parser what the step takes."""
    parser.add_argument("--model", default=MODEL, metavar=f"{MODEL}|PATH.onnx", help="which network")
    parser.add_argument("--target", choices=TARGETS, default=TARGETS[0], help="kind of CPU that the records are for")
    parser.add_argument(
        "--trials", type=_count, default=TRIALS, metavar="N", help="candidates a task; 0 shows the table"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep the records here, and not as this host's own")


def tune(asked: argparse.Namespace, settings: DetectorSettings) -> int:
    """Tune; returns the exit code."""
    if find_spec("tqdm") is None:
        stop_operator(
            "tune: the package tqdm is missing: install it (`pip install tqdm`), or run where scripts/setup ran"
        )
    set_threads(settings.detector_threads)
    from detector.tuning import command  # noqa: PLC0415  the compiler is 300 MB that only this step needs

    return command.run(asked, artifacts_of(settings))


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
