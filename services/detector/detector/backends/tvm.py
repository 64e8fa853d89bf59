"""Run the network as a library compiled by TVM, with TVM's small runtime and never its compiler."""

import ctypes
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np

from detector.backends import BackendError
from detector.geometry import Canvas, Tensor

RUNTIME = "lib/libtvm_runtime.so"
# What `tvm.runtime.vm.VirtualMachine` hands to a library's machine: DLPack's number of a CPU, which of them, and
# memory from a pool.
CPU, FIRST, POOLED = 1, 0, 2
# What TVM's code takes for granted, and numpy's memory is not.
ALIGNMENT_BYTES = 64
# What C++ throws arrives as the Python error of the same name.
TVM_ERRORS = (RuntimeError, ValueError, TypeError, OSError, AttributeError)


class TvmBackend:
    """A compiled library on TVM's virtual machine.

    Args:
        library: what `detector.compiling` built for this host.
        threads: how many threads one inference may use.
        name: as the backend calls itself.
    """

    def __init__(self, library: Path, threads: int, name: str = "tvm") -> None:
        self.name = name
        set_threads(threads)
        # Not `tvm`: that is 40 MB of Python which only a compiler needs.
        import tvm_ffi  # noqa: PLC0415  after what it reads

        try:
            ctypes.CDLL(str(_runtime()), ctypes.RTLD_GLOBAL)
            self._machine = tvm_ffi.load_module(str(library))["vm_load_executable"]()
            self._machine["vm_initialization"](CPU, FIRST, POOLED)
            self._main = self._machine["main"]
        except TVM_ERRORS as error:
            raise BackendError(f"TVM cannot load {library.name}: {error}") from error
        self._wrapped, self._alone = tvm_ffi.from_dlpack, tvm_ffi.Tensor
        self._canvas = np.zeros(0, np.uint8)

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        if self._canvas.shape != canvas.shape:
            self._canvas = _aligned(canvas.shape)
        np.copyto(self._canvas, canvas)
        try:
            outputs = self._main(self._wrapped(self._canvas, require_alignment=ALIGNMENT_BYTES))
            # A network with one output gives that, not a tuple of one.
            together = (outputs,) if isinstance(outputs, self._alone) else outputs
            return [cast("Tensor", np.from_dlpack(output)) for output in together]
        except TVM_ERRORS as error:
            raise BackendError(str(error)) from error


def set_threads(threads: int) -> None:
    """Tell TVM's thread pool, which reads this when it starts."""
    os.environ["TVM_NUM_THREADS"] = str(threads)
    # A worker that is bound to a core waits there for whoever else runs on it, while the others spin: on a busy host
    # an inference took 19 ms instead of 0.8.
    os.environ["TVM_BIND_THREADS"] = "0"
    os.environ["TVM_THREAD_POOL_SPIN_COUNT"] = "3000"


def _runtime() -> Path:
    package = find_spec("tvm")
    if package is None or not package.submodule_search_locations:
        raise BackendError("the package apache-tvm is not installed")
    return Path(package.submodule_search_locations[0]) / RUNTIME


def _aligned(shape: tuple[int, ...]) -> Canvas:
    size_bytes = int(np.prod(shape))
    room = np.zeros(size_bytes + ALIGNMENT_BYTES, np.uint8)
    start = -room.ctypes.data % ALIGNMENT_BYTES
    return room[start : start + size_bytes].reshape(shape)
