"""Run a program that may hang: it is fed, waited for, and ended by its own id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import BinaryIO

LOOK_EVERY_S = 0.05
COMPLAINT_LIMIT_BYTES = 2000


class ProgramError(Exception):
    """A program did not do what it should; the text says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs programs one after another.

    Args:
        environment: all that they are told; no secret of the bridge's.
        beat: called while one runs.
        stop: ends one that runs.
    """

    environment: Mapping[str, str]
    beat: Callable[[], None]
    stop: Event

    def run(self, command: Sequence[str], given: bytes, *, timeout_s: float, limit_bytes: int) -> bytes:
        """Return what a program prints.

        Args:
            command: the program's path and its arguments; there is no shell.
            given: what it reads.
            timeout_s: how long it may take.
            limit_bytes: how much it may print.

        Raises:
            ProgramError: it cannot be run, fails, hangs, prints too much, or the service ends.
        """
        # Files in memory: with pipes, who hangs without reading would make the writer hang too.
        with _memory("given") as fed, _memory("printed") as printed, _memory("complaint") as complaint:
            fed.write(given)
            fed.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603  a path that was found, arguments that are no one's input
                    command,
                    stdin=fed,
                    stdout=printed,
                    stderr=complaint,
                    env=dict(self.environment),
                    start_new_session=True,
                )
            except OSError as error:
                raise ProgramError(f"it cannot be run ({error.strerror})") from error
            try:
                self._wait(process, timeout_s, lambda: _size(printed) + _size(complaint) > limit_bytes)
            finally:
                _end(process)
            if process.returncode < 0:
                raise ProgramError(f"it was ended by signal {-process.returncode}")
            if process.returncode:
                raise ProgramError(_last_line(complaint) or f"it ended with code {process.returncode}")
            printed.seek(0)
            return printed.read(limit_bytes)

    def _wait(self, process: "subprocess.Popen[bytes]", timeout_s: float, too_much: Callable[[], bool]) -> None:
        end_s = time.monotonic() + timeout_s
        ended = False
        while not ended:
            try:
                process.wait(LOOK_EVERY_S)
                ended = True
            except subprocess.TimeoutExpired:
                self.beat()
            if too_much():
                raise ProgramError("it printed too much")
            if not ended and self.stop.is_set():
                raise ProgramError("the service ends")
            if not ended and time.monotonic() > end_s:
                raise ProgramError(f"it took longer than {timeout_s:g} s")


def _memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name), "w+b", buffering=0)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that still runs, with those that it started: its session is its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(complaint: BinaryIO) -> str:
    """Return the last line of what a program complained of, without what would not be text."""
    complaint.seek(max(0, _size(complaint) - COMPLAINT_LIMIT_BYTES))
    lines = complaint.read(COMPLAINT_LIMIT_BYTES).decode(errors="replace").strip().splitlines()
    return "".join(character for character in lines[-1] if character.isprintable())[:200] if lines else ""
