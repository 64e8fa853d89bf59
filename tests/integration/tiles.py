"""Compile a small network with tiles drawn from all that the rules can do; print how far each is from onnxruntime.

A process of its own: see `loops`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tvm
from detector.compiling.compilation import grouped, scheduled
from detector.compiling.rules import TILED
from detector.compiling.tasks import Task
from detector.records import Record
from detector.tuning.targets import NAMES, TargetError, Tuned, tuned_for
from onnxruntime import InferenceSession
from tvm import IRModule, relax
from tvm.tirx import PrimFunc

RANDOM = np.random.default_rng(3)


def main() -> None:
    path = Path(sys.argv[1])
    errors, served = {}, {}
    for name in NAMES:
        for threads in (1, 2):
            try:
                tuned = tuned_for(name, threads)
            except TargetError:
                continue
            tasks = tasks_of(path, tuned)
            served[f"{name} {threads}"] = sorted(tasks)
            for records in (drawn(tasks, threads), {})[: 3 - threads]:
                tiles = {task: record.tiles for task, record in records.items()}
                errors[f"{name} {threads} {tiles}"] = error(path, tuned, records)
    print(json.dumps({"errors": errors, "served": served}))


def tasks_of(path: Path, tuned: Tuned) -> dict[str, Task]:
    with tuned.target:
        module = grouped(onnx.load(path), tuned.machine)
    functions = [function for function in module.functions.values() if isinstance(function, PrimFunc)]
    found = [next((t for rule in TILED if (t := rule(tuned.machine, {}).task(f))), None) for f in functions]
    return {task.name: task for task in found if task is not None}


def drawn(tasks: dict[str, Task], threads: int) -> dict[str, Record]:
    def tiles(task: Task) -> dict[str, tuple[int, ...]]:
        return {name: choices[RANDOM.integers(len(choices))] for name, choices in task.choices.items()}

    return {name: Record(name, threads, 1.0, 0.5, tiles(task)) for name, task in tasks.items()}


def error(path: Path, tuned: Tuned, records: dict[str, Record]) -> float:
    module = scheduled(onnx.load(path), tuned.target, tuned.machine, records)
    narrow = {n: tuned.narrowed(f) if isinstance(f, PrimFunc) else f for n, f in module.functions_items()}
    machine = relax.VirtualMachine(tvm.compile(IRModule(narrow, attrs=module.attrs), target=tuned.target), tvm.cpu())
    session = InferenceSession(str(path))
    _, channels, height, width = session.get_inputs()[0].shape
    picture = RANDOM.integers(0, 256, (1, height, width, channels), dtype=np.uint8)
    truth: list[Any] = session.run(None, {"picture": picture.transpose(0, 3, 1, 2).astype(np.float32)})
    ours = [output.numpy() for output in machine["main"](tvm.runtime.tensor(picture))]
    worst = max(float(np.abs(our - their).max()) for our, their in zip(ours, truth, strict=True))
    return worst if np.isfinite(worst) else float("inf")


if __name__ == "__main__":
    main()
