"""Make what a host needs before its fastest backend is known: static model, compiled library, choice.

Each step is a process of its own (`python -m detector STEP`), so that the compiler's memory is given
back, and TVM's compiler and TVM's small runtime never meet in one process.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from detector import sealing
from detector.artifacts import Artifacts
from detector.host import cpu_name, has_half_arithmetic
from detector.precision import FP16, FP32
from detector.shipping import take_shipped, take_shipped_net

Say = Callable[[str], None]


class PreparationError(Exception):
    """A step failed; the text is its last line."""


def run_step(step: str, *arguments: str) -> None:
    """Run one step with this process's settings and wait for it.

    Raises:
        PreparationError: it failed.
    """
    command = [sys.executable, "-m", "detector", step, *arguments]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)  # noqa: S603  all of it is ours
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise PreparationError(f"{step}: {lines[-1]}")


def make_files(artifacts: Artifacts, say: Say) -> None:
    """Make the files that are missing, or are not as they were made.

    Raises:
        PreparationError: the reference's cannot be made.
    """
    if not sealing.is_intact(artifacts.static_model):
        say(f"fixing the model's input at {artifacts.size}")
        run_step("static")
    for precision in (FP32, FP16) if has_half_arithmetic() else (FP32,):
        if sealing.is_intact(artifacts.library(cpu_name(), precision)) or take_shipped(artifacts, precision):
            continue
        say(f"compiling the model with TVM for this CPU, {precision} (10 s on a PC, a minute on a Pi)")
        _try_step(say, "compile", "--precision", precision)
    if not sealing.is_intact(artifacts.net) and not take_shipped_net(artifacts):
        say("converting the model for ncnn")
        _try_step(say, "ncnn")


def _try_step(say: Say, step: str, *arguments: str) -> None:
    try:
        run_step(step, *arguments)
    except PreparationError as error:
        # Without its file there still are other backends.
        say(str(error))


class Background:
    """`prepare` as a low-priority process beside the running service."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        # nice: faces go first, the best backend can wait. A group of its own: a step's process must end with it.
        command = ["nice", "-n", "10", sys.executable, "-m", "detector", "prepare"]
        self._process = subprocess.Popen(command, process_group=0)  # noqa: S603  nothing in it comes from outside

    def just_ended(self) -> bool:
        """Return True once, when it has ended."""
        if self._process is None or self._process.poll() is None:
            return False
        self._process = None
        return True

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
