"""Run the network with onnxruntime on the CPU; also the reference that other backends must agree with."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from detector.backends import BackendError
from detector.families.yunet import OUTPUTS
from detector.geometry import Canvas, Tensor

# They share no base class but Exception.
ONNXRUNTIME_ERRORS = (
    errors.DeviceReset,
    errors.EngineError,
    errors.EPFail,
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoModel,
    errors.NoSuchFile,
    errors.NotFound,
    errors.NotImplemented,
    errors.RuntimeException,
)


class OnnxRuntimeBackend:
    """An onnxruntime session.

    Args:
        model: a static ONNX model.
        threads: how many threads one inference may use.
        spin: let its threads spin between inferences, as onnxruntime does when nothing is said.
    """

    name = "onnxruntime"

    def __init__(self, model: Path, threads: int, *, spin: bool = False) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Six inferences a second: threads that spin in between would burn a core for nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except ONNXRUNTIME_ERRORS as error:
            raise BackendError(f"onnxruntime cannot load {model.name}: {error}") from error
        taken = self._session.get_inputs()[0]
        self._input = taken.name
        # (1, 3, height, width) BGR 0..255, NCHW.
        self._tensor = np.zeros(taken.shape, np.float32)

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        try:
            np.copyto(self._tensor[0], canvas[0].transpose(2, 0, 1))
            return cast("Sequence[Tensor]", self._session.run(OUTPUTS, {self._input: self._tensor}))
        except (*ONNXRUNTIME_ERRORS, RuntimeError, ValueError) as error:
            raise BackendError(str(error)) from error
