"""`python -m detector convert`: what it is told, and what it prints."""

import re
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from detector.converting.order import HOST, Order
from detector.converting.pictures import NONE, UNSCALED, Normalisation
from detector.converting.problems import ConversionError, DisagreementError
from detector.converting.source import WANTED, read_source
from detector.geometry import InputSize
from detector.photo import NAME
from detector.settings import DetectorSettings
from detector.shipping import TARGETS
from facewire.settings import stop_operator

SIZE = re.compile(r"^([1-9]\d{0,3})x([1-9]\d{0,3})$")
PHOTO = f"{NAME}.jpg"
TOLERANCE = 1e-4
"""Of an output's largest value; right float32 implementations of deep networks differ by some 1e-5."""
STOPPED = 128


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    add = parser.add_argument
    add("source", metavar="SOURCE", help=WANTED)
    add(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights for the module: a state dict, or one within a checkpoint",
    )
    add("--input", metavar="WxH", help="the network's input in pixels; an ONNX file may have it fixed already")
    add("--outputs", metavar="NAME,NAME", help="ONNX: cut the network at these tensors; PyTorch: name what it returns")
    add("--rgb", action="store_true", help="the network wants RGB, not BGR")
    add("--mean", metavar="A,B,C", help="subtracted from each channel, 0..255, in the network's order")
    add("--scale", metavar="A,B,C", help="then each channel is divided by this")
    add("--target", choices=(HOST, *TARGETS), default=HOST, help="the CPU that the library is for")
    add("--threads", default="1", metavar="N", help="threads of one inference")
    add("--output", type=Path, default=Path(), metavar="DIR", help="where the files go")
    add("--photo", type=Path, metavar="FILE", help=f"what to check with beside noise; else MODELS_DIR/{PHOTO}")
    add(
        "--python",
        type=Path,
        default=Path(sys.executable),
        help="interpreter of an environment that has torch and onnx",
    )
    add(
        "--tolerance",
        default=str(TOLERANCE),
        metavar="R",
        help="largest error of a step, in parts of an output's largest value",
    )


def run(asked: Namespace, settings: DetectorSettings) -> int:
    """Convert; return 1 where a step disagrees. What the operator can mend is one line and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED + signal.SIGTERM))
    # Each of these is tens of megabytes that only this command needs.
    from detector.converting.checking import Row, table  # noqa: PLC0415
    from detector.converting.conversion import convert  # noqa: PLC0415

    rows: list[Row] = []
    try:
        made = convert(read_order(asked, settings), rows, _say)
    except ConversionError as error:
        stop_operator(str(error))
    except DisagreementError as error:
        print(table(rows))  # noqa: T201  what the command is for
        print(f"facewire: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return STOPPED + signal.SIGINT
    print(table(rows))  # noqa: T201
    for file in made:
        _say(f"wrote {file}")
    return 0


def read_order(asked: Namespace, settings: DetectorSettings) -> Order:
    """Return what is asked for.

    Raises:
        ConversionError: an option cannot be understood.
    """
    return Order(
        source=read_source(asked.source, asked.checkpoint),
        size=_size(asked.input),
        outputs=tuple(filter(None, (asked.outputs or "").split(","))),
        normalisation=Normalisation(asked.rgb, _three(asked.mean, "--mean", NONE), _scale(asked.scale)),
        target=asked.target,
        threads=_threads(asked.threads),
        folder=asked.output,
        photo=asked.photo or settings.models_dir / PHOTO,
        python=asked.python,
        tolerance=_tolerance(asked.tolerance),
    )


def _size(text: str | None) -> InputSize | None:
    if text is None:
        return None
    found = SIZE.match(text)
    if found is None:
        raise ConversionError(f"--input: {text} is not WIDTHxHEIGHT in pixels, for example 320x256")
    return InputSize(int(found[1]), int(found[2]))


def _threads(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 64):
        raise ConversionError(f"--threads: {text} is not a number from 1 to 64")
    return int(text)


def _tolerance(text: str) -> float:
    (value,) = _numbers(text, "--tolerance", 1)
    if not 0 < value < 1:
        raise ConversionError(f"--tolerance: {text} is not between 0 and 1")
    return value


def _scale(text: str | None) -> tuple[float, float, float]:
    scale = _three(text, "--scale", UNSCALED)
    if not all(scale):
        raise ConversionError(f"--scale: {text}: a channel cannot be divided by 0")
    return scale


def _three(text: str | None, option: str, otherwise: tuple[float, float, float]) -> tuple[float, float, float]:
    if text is None:
        return otherwise
    first, second, third = _numbers(text, option, 3)
    return first, second, third


def _numbers(text: str, option: str, count: int) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    # One number is for all channels.
    values = values * count if len(values) == 1 else values
    if len(values) != count or not all(abs(value) < float("inf") for value in values):
        example = "123.7,116.3,103.5" if count > 1 else str(TOLERANCE)
        raise ConversionError(f"{option}: {text} is not {count} number(s), for example {example}")
    return values


def _say(text: str) -> None:
    print(f"detector: {text}", file=sys.stderr, flush=True)  # noqa: T201  the command speaks to a terminal
