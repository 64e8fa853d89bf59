"""Run a backend in a process of its own: what its driver does to a process, it does to that one.

A crash is an error like others, and a hang ends with the process. What that costs is part of what `timing` measures.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection  # noqa: TC003  mypy alone wants it, and it is loaded anyway
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from detector.backends import BackendError
from detector.geometry import Canvas, Tensor

ENDS_WITHIN_S = 2.0


class Isolation:
    """The process of one backend: `load` starts it, in the thread that will use it; any thread may `abort` it.

    Args:
        name: the backend's name.
        path: the file that it loads.
        threads: how many threads an inference may use.
    """

    def __init__(self, name: str, path: Path, threads: int) -> None:
        self._name = name
        self._arguments = (name, str(path), str(threads))
        self._process: subprocess.Popen[bytes] | None = None

    def load(self) -> "IsolatedBackend":
        """Start the process, and wait until its backend is loaded.

        Raises:
            BackendError: it cannot be loaded.
        """
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", "detector.isolated", str(theirs.fileno()), *self._arguments]
            # A group of its own: Ctrl-C ends the service, which then ends this.
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], process_group=0)  # noqa: S603
        backend = IsolatedBackend(self._name, ours, self._process)
        backend.answer()
        return backend

    def abort(self) -> None:
        """End the process, whatever it is at."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(ENDS_WITHIN_S)


class IsolatedBackend:
    """The near side of a backend in a process of its own.

    Args:
        name: the backend's name.
        link: to the process, which `detector.isolated` describes.
        process: the process.
    """

    def __init__(self, name: str, link: "Connection[Any, Any]", process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self._link = link
        self._process = process

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        try:
            self._link.send_bytes(msgpack.packb((canvas.shape, canvas.tobytes())))
        except OSError as error:
            raise BackendError(self._end()) from error
        return self.answer()

    def answer(self) -> Sequence[Tensor]:
        """Wait for the process's next message."""
        try:
            told = msgpack.unpackb(self._link.recv_bytes())
        except (EOFError, OSError) as error:
            raise BackendError(self._end()) from error
        if "error" in told:
            raise BackendError(told["error"])
        return [np.frombuffer(raw, np.float32).reshape(shape) for shape, raw in told["tensors"]]

    def _end(self) -> str:
        try:
            code = self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            return "its process does not answer"
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"its process was ended {how}"
