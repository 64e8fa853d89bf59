"""Run a TensorFlow Lite network, with whichever interpreter is installed, on the CPU or through a delegate."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.backends import BackendError
from detector.families import Family
from detector.geometry import Canvas, InputSize, Tensor

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""The same interpreter under its present and its former name, the first that is there."""

# What the interpreter raises is never of a type of its own.
TFLITE_ERRORS = (RuntimeError, ValueError, OSError)


def runtime() -> ModuleType:
    """Import the interpreter.

    Raises:
        BackendError: none is installed, or it does not load.
    """
    for name in RUNTIMES:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
        except ImportError as error:
            raise BackendError(f"{name} does not load: {error}") from error
    raise BackendError("no TensorFlow Lite interpreter is installed: use the image detector-coral (docs/coral.md)")


class Network:
    """A loaded network.

    Args:
        model: the .tflite file.
        threads: how many threads one inference may use on the CPU.
        delegates: what runs parts of it elsewhere; kept as long as the network.
    """

    def __init__(self, model: Path, threads: int, delegates: Sequence[object] = ()) -> None:
        interpreter = runtime().Interpreter
        try:
            self._interpreter = interpreter(
                model_path=str(model), num_threads=threads, experimental_delegates=list(delegates)
            )
            self._interpreter.allocate_tensors()
        except TFLITE_ERRORS as error:
            raise BackendError(f"{model.name} cannot be loaded: {_one_line(error)}") from error
        taken, *others = self._interpreter.get_input_details()
        shape = [int(side) for side in taken["shape"]]
        if others or len(shape) != 4 or (shape[0], shape[3]) != (1, 3) or taken["dtype"] not in _FILLERS:
            raise BackendError(f"{model.name} takes no picture, but {shape} of {np.dtype(taken['dtype'])}")
        self.size = InputSize(shape[2], shape[1])
        self._index, self._fill = taken["index"], _FILLERS[taken["dtype"]]
        self._given = self._interpreter.get_output_details()
        self._rgb = np.zeros((shape[1], shape[2], 3), np.uint8)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each output."""
        return tuple(tuple(int(side) for side in output["shape"]) for output in self._given)

    def run(self, canvas: Canvas) -> list[Tensor]:
        """Run the network once; quantised outputs become what they stand for.

        Args:
            canvas: (1, height, width, 3) uint8 BGR, NHWC.

        Raises:
            BackendError: the interpreter or a delegate failed.
        """
        if canvas.shape[1:3] != self._rgb.shape[:2]:
            raise BackendError(f"the picture is {canvas.shape[2]}x{canvas.shape[1]}, and {self.size} is expected")
        try:
            # The interpreter refuses to run while anything still points into it.
            self._fill(canvas, self._rgb, self._interpreter.tensor(self._index)()[0])
            self._interpreter.invoke()
            return [_real(self._interpreter.get_tensor(output["index"]), output) for output in self._given]
        except (*TFLITE_ERRORS, cv2.error) as error:
            raise BackendError(_one_line(error)) from error


class TfliteBackend:
    """A network on the CPU.

    Args:
        model: the .tflite file.
        threads: how many threads one inference may use.
        family: what the network must be.
    """

    name = "tflite"

    def __init__(self, model: Path, threads: int, family: Family) -> None:
        self._network = Network(model, threads)
        require_size(self._network, family, model)
        if self._network.shapes != family.shapes:
            raise BackendError(f"{model.name} gives {self._network.shapes}, and {family.name} {family.shapes}")

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        return self._network.run(canvas)


def require_size(network: Network, family: Family, model: Path) -> None:
    """Refuse a network whose input has another size than its family's.

    Raises:
        BackendError: it has.
    """
    if network.size != family.size:
        raise BackendError(f"{model.name} takes {network.size}, and {family.name} {family.size}")


def _fill_bytes(canvas: Canvas, _rgb: Canvas, target: Canvas) -> None:
    # uint8 is quantised so that it holds a picture as it is.
    cv2.cvtColor(canvas[0], cv2.COLOR_BGR2RGB, dst=target)


def _fill_signed(canvas: Canvas, rgb: Canvas, target: Canvas) -> None:
    cv2.cvtColor(canvas[0], cv2.COLOR_BGR2RGB, dst=rgb)
    # x - 128 for int8 is x with its highest bit turned over.
    np.bitwise_xor(rgb, 0x80, out=target.view(np.uint8))


def _fill_floats(canvas: Canvas, rgb: Canvas, target: Tensor) -> None:
    # -1..1, what MediaPipe's and google-coral's networks are trained with.
    cv2.cvtColor(canvas[0], cv2.COLOR_BGR2RGB, dst=rgb)
    np.multiply(rgb, np.float32(2 / 255), out=target)
    np.subtract(target, 1, out=target)


_FILLERS: dict[type, Any] = {np.uint8: _fill_bytes, np.int8: _fill_signed, np.float32: _fill_floats}


def _real(output: NDArray[Any], details: dict[str, Any]) -> Tensor:
    if output.dtype == np.float32:
        return output
    scale, zero_point = details["quantization"]
    return np.asarray((output.astype(np.float32) - zero_point) * scale, np.float32)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
