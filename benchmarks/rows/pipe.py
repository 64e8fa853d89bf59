"""A process that times something on request: the asking side (`Worker`) and the answering one (`serve`).

Libraries that clash get a process each, and still take turns, so that a noisy moment hits all of them alike.
Only numpy is needed here: the answering side also runs in environments that have nothing of facewire's.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
MS_PER_S = 1000
WARM_UP = 20
WARM_UP_A_TURN = 2
"""Others ran in between and left the caches to themselves."""
WARM_UP_A_TURN_MS = 50
"""At the least: threads that were asleep wake on one core, and the kernel takes some time to part them."""

Arrays = Sequence[NDArray[Any]]


class WorkerError(Exception):
    """The process cannot do its work; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a worker.

    Args:
        python: interpreter of the environment that has what it needs.
        module: what to run, with `main` of its own.
        arguments: its arguments.
        environment: added to this process's.
    """

    python: Path
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> "subprocess.Popen[str]":
        """Start the process; what it logs goes to standard error."""
        return subprocess.Popen(
            [str(self.python), "-m", self.module, *self.arguments],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


class Worker:
    """The asking side.

    Args:
        command: what to start.
        folder: where the worker leaves its outputs.

    Raises:
        WorkerError: it cannot work here.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        outputs = folder / f"{command.module}-{time.monotonic_ns()}.npz"
        environment = {**command.environment, "BENCH_OUTPUTS": str(outputs)}
        self._process = Command(command.python, command.module, command.arguments, environment).start()
        try:
            hello = self._answer()
        except WorkerError:
            self.close()
            raise
        if "problem" in hello:
            self.close()
            raise WorkerError(hello["problem"])
        self.actions: tuple[str, ...] = tuple(hello["actions"])
        self.note: str = hello["note"]
        with np.load(outputs) as kept:
            self.outputs: Arrays = [kept[name] for name in kept.files]

    def spent_ms(self, action: str, runs: int) -> list[float]:
        """Let it do something a few times; returns how long each took."""
        assert self._process.stdin is not None  # noqa: S101  for mypy: it was asked for
        print(action, runs, file=self._process.stdin, flush=True)
        spent: list[float] = self._answer()["spent_ms"]
        return spent

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _answer(self) -> Any:  # noqa: ANN401  JSON
        assert self._process.stdout is not None  # noqa: S101  for mypy: it was asked for
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"its process ended with exit code {self._process.wait()}")
        return json.loads(line)


def serve(prepare: Callable[[], "Prepared"], failures: tuple[type[Exception], ...]) -> None:
    """Be a worker: prepare, then time what standard input asks for until it ends.

    Args:
        prepare: loads what is to be timed.
        failures: what `prepare` raises where the row cannot be run here.
    """
    # Libraries print to standard output what they like; the answers need it to themselves.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        prepared = prepare()
    except failures as error:
        first = (str(error).strip().splitlines() or [""])[0]
        print(json.dumps({"problem": f"{type(error).__name__}: {first}"}), file=answers, flush=True)
        return
    np.savez(os.environ["BENCH_OUTPUTS"], *prepared.outputs)
    for action in prepared.actions.values():
        _time(action, WARM_UP)
    print(json.dumps({"actions": list(prepared.actions), "note": prepared.note}), file=answers, flush=True)
    for line in sys.stdin:
        name, runs = line.split()
        _warm_up(prepared.actions[name])
        print(json.dumps({"spent_ms": _time(prepared.actions[name], int(runs))}), file=answers, flush=True)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a worker can do.

    Args:
        actions: what can be timed; `net` is one inference.
        outputs: of one inference, to be compared.
        note: what the reader of the table should know.
    """

    actions: Mapping[str, Callable[[], object]]
    outputs: Arrays
    note: str = ""


def _warm_up(action: Callable[[], object]) -> None:
    spent_ms = sum(_time(action, WARM_UP_A_TURN))
    while spent_ms < WARM_UP_A_TURN_MS:
        spent_ms += sum(_time(action, 1))


def _time(action: Callable[[], object], runs: int) -> list[float]:
    spent_ms = []
    for _ in range(runs):
        started_s = time.perf_counter()
        action()
        spent_ms.append((time.perf_counter() - started_s) * MS_PER_S)
    return spent_ms
