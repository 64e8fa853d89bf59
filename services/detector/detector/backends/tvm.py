"""Run the network as a library compiled by TVM, with TVM's small runtime and never its compiler."""

import os
from collections.abc import Sequence
from pathlib import Path

from detector.backends import BackendError
from detector.geometry import Canvas, Tensor

RUNTIME_ONLY = "TVM_USE_RUNTIME_LIB"
"""Read by tvm when it is imported: load libtvm_runtime (3 MB), not the compiler (240 MB)."""


class TvmBackend:
    """A compiled library on TVM's virtual machine.

    Args:
        library: what `detector.compilation` built for this host.
        threads: how many threads one inference may use.
    """

    name = "tvm"

    def __init__(self, library: Path, threads: int) -> None:
        # Read by TVM's thread pool when it starts.
        os.environ["TVM_NUM_THREADS"] = str(threads)
        os.environ[RUNTIME_ONLY] = "1"
        import tvm  # noqa: PLC0415  after the two variables above
        from tvm.runtime.vm import VirtualMachine  # noqa: PLC0415

        # A step that compiles, started by this process, would inherit it.
        del os.environ[RUNTIME_ONLY]
        try:
            self._machine = VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
        except (RuntimeError, ValueError, OSError, AttributeError) as error:
            raise BackendError(f"TVM cannot load {library.name}: {error}") from error
        self._main = self._machine["main"]
        self._tensor = tvm.runtime.tensor

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        return [output.numpy() for output in self._main(self._tensor(canvas))]
