"""Time every way to run the detector's network that this host has, side by side, and hold it against the targets."""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
from detector.geometry import InputSize

from benchmarks.rows.comparing import boxes_differ_by, tensors_differ_by
from benchmarks.rows.flops import flop
from benchmarks.rows.made import Made, make
from benchmarks.rows.pipe import MS_PER_S, Arrays, Command, Worker, WorkerError
from benchmarks.rows.report import Figures, Row, for_programs, table, targets, verdicts
from benchmarks.rows.starting import first_faces_s
from benchmarks.rows.subjects import EDGE_TPU, PYTHON, SERVED, TORCH_ROWS, Subject, prepare_torch, subjects
from benchmarks.rows.venvs import TORCH
from runner.plan import MALLOC

THREADS = (1, 2)
REFERENCE = "onnxruntime"
TORCH_REFERENCE = "pytorch-eager"
PEAK = "peak"
REST_S = 0.05
"""Between two rows: threads of the last one may spin for a while before they sleep."""

Spent = dict[tuple[str, str, int], list[float]]
"""Milliseconds by row, action and threads."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How long to measure.

    Args:
        rounds: every row has its turn in each.
        runs: how often a row is timed in its turn.
        left_out: environments that are not wanted.
    """

    rounds: int
    runs: int
    left_out: frozenset[str]


def measure(made: Made, asked: Asked, threads: int, spent: Spent) -> list[Row]:
    """Time all rows at one number of threads, in turns."""
    found = list(subjects(made, threads, asked.left_out))
    if threads == 1:
        found.append(Subject(PEAK, "", "", 1, _peak_command(made)))
    with ExitStack() as stack:
        workers, problems = _started(stack, found, made.temporary)
        for turn in range(asked.rounds):
            print(f"\rbench: {threads} thread(s), round {turn + 1}/{asked.rounds}", end="", file=sys.stderr, flush=True)
            for name, worker in workers.items():
                for action in worker.actions:
                    time.sleep(REST_S)
                    spent.setdefault((name, action, threads), []).extend(worker.spent_ms(action, asked.runs))
        print(file=sys.stderr)
        outputs = {name: worker.outputs for name, worker in workers.items()}
        notes = {name: worker.note for name, worker in workers.items()}
    errors = {name: _error(name, outputs, made.size, problems) for name in outputs}
    return [_row(each, spent, problems, errors.get(each.name), notes) for each in found if each.name != PEAK]


def _started(stack: ExitStack, found: Sequence[Subject], folder: Path) -> tuple[dict[str, Worker], dict[str, str]]:
    """Start the workers of all that can be run here; returns them, and why the others cannot."""
    workers, problems = {}, {}
    for subject in found:
        if subject.command is None:
            problems[subject.name] = subject.problem
            continue
        print(f"bench: opening {subject.name}, {subject.threads} thread(s)", file=sys.stderr, flush=True)
        try:
            workers[subject.name] = stack.enter_context(_working(subject.command, folder))
        except WorkerError as error:
            problems[subject.name] = str(error)
    return workers, problems


@contextmanager
def _working(command: Command, folder: Path) -> Iterator[Worker]:
    worker = Worker(command, folder)
    try:
        yield worker
    finally:
        worker.close()


def _peak_command(made: Made) -> Command:
    library = made.library(PEAK, 1)
    loop = json.loads(library.with_suffix(".json").read_text(encoding="utf-8"))
    return Command(PYTHON, "benchmarks.rows.peak", (str(library), str(loop["sums"]), str(loop["lanes"])))


def _error(name: str, outputs: dict[str, Arrays], size: InputSize, problems: dict[str, str]) -> float | None:
    """Return how far a row's outputs are from the reference's; outputs of another kind are the row's problem."""
    truth = outputs.get(TORCH_REFERENCE if name in TORCH_ROWS else REFERENCE)
    # The Edge TPU runs another network, for which there is no reference here.
    if truth is None or name in (PEAK, EDGE_TPU):
        return None
    try:
        return (
            boxes_differ_by(outputs[name][0], truth, size)
            if name == "opencv"
            else tensors_differ_by(outputs[name], truth)
        )
    except ValueError as error:
        problems[name] = f"not comparable: {error}"
        return None


def _row(subject: Subject, spent: Spent, problems: dict[str, str], error: float | None, notes: dict[str, str]) -> Row:
    fields = (subject.name, subject.model, subject.input, subject.threads)
    if subject.name in problems:
        return Row(*fields, problem=problems[subject.name])
    spent_ms = spent[subject.name, "net", subject.threads]
    p90_ms = statistics.quantiles(spent_ms, n=10)[-1]
    return Row(*fields, round(statistics.median(spent_ms), 4), round(p90_ms, 4), error, note=notes[subject.name])


def figures(made: Made, asked: Asked) -> Figures:
    """Measure everything."""
    prepare_torch(made, asked.left_out)
    spent: Spent = {}
    rows = [row for threads in THREADS for row in measure(made, asked, threads, spent)]

    def median_ms(name: str, action: str = "net") -> float:
        return statistics.median(spent.get((name, action, 1), [math.nan]))

    chosen = min((median_ms(name), name) for name in SERVED if (name, "net", 1) in spent)[1]
    loop = json.loads(made.library(PEAK, 1).with_suffix(".json").read_text(encoding="utf-8"))
    return Figures(
        rows=tuple(rows),
        chosen=chosen,
        instruction_set=loop["instruction_set"],
        peak_gflops=round(_gflops(loop["flop"], median_ms(PEAK)), 2),
        achieved_gflops=round(_gflops(flop(onnx.load(made.static_model)), median_ms("tvm")), 2),
        step_over_net=round(median_ms(chosen, "step") / median_ms(chosen), 3),
        peak_rss_mb=_peak_rss_mb(made, chosen),
        first_faces_s=first_faces_s(made.frame, made.size),
    )


def _gflops(count: int, spent_ms: float) -> float:
    return count / (spent_ms / MS_PER_S) / 1e9


def _peak_rss_mb(made: Made, row: str) -> float:
    """Return the peak memory of a process that is set up as the detector."""
    files = (str(made.file(row, 1)), "1", str(made.frame))
    arguments = (SERVED[row], *files, str(made.size.width), str(made.size.height))
    worker = Command(PYTHON, "benchmarks.rows.memory", arguments, MALLOC).start()
    printed, _ = worker.communicate()
    if worker.returncode:
        raise subprocess.CalledProcessError(worker.returncode, worker.args)
    return float(printed)


def _asked() -> tuple[InputSize, Asked]:
    parser = argparse.ArgumentParser(prog="scripts/bench detector", description=__doc__)
    parser.add_argument("--input", default="320x256", metavar="WxH", help="YuNet's input (default 320x256)")
    parser.add_argument("--rounds", type=int, default=20, help="turns of every row (default 20)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs in a turn (default 5)")
    parser.add_argument("--no-torch", action="store_true", help="leave out PyTorch's rows, and its 1 to 6 GB")
    asked = parser.parse_args()
    width, height = map(int, asked.input.split("x"))
    left_out = frozenset([TORCH.name] if asked.no_torch else [])
    return InputSize(width, height), Asked(asked.rounds, asked.runs, left_out)


def main() -> None:
    """Measure; print the table, the targets, and all figures as JSON."""
    size, asked = _asked()
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
        found = figures(make(size, Path(folder)), asked)
    share = found.achieved_gflops / found.peak_gflops
    print(f"\n{table(found.rows)}\n")
    print(f"chosen: {found.chosen}; {found.achieved_gflops} of {found.peak_gflops} GFLOP/s a thread ({share:.0%})")
    print(f"instruction set: {found.instruction_set}\n")
    print(f"{verdicts(targets(found, THREADS))}\n")
    print(json.dumps(for_programs(found)))


if __name__ == "__main__":
    main()
