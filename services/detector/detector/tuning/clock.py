"""Compile a candidate in this process and time it; of two, say which is reliably faster."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tvm
from tvm import IRModule
from tvm.runtime import Tensor
from tvm.tirx import PrimFunc

from detector.compiling.blocks import shape_of
from detector.tuning.targets import Tuned

LEAST_MS = 2
"""For one timing; below, the clock is what is measured."""
PAIRS = 15
WORTH = 0.98
"""A ratio of times below this is a gain."""

Run = Callable[[], float]
"""Times a candidate once; returns milliseconds."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two candidates timed in turn.

    Args:
        old_ms: the median of the first.
        new_ms: that of the second.
        faster: the second is, by more than noise and more than 2 %.
    """

    old_ms: float
    new_ms: float
    faster: bool


def runner(func: PrimFunc, tuned: Tuned) -> Run:
    """Compile a function and return what times it.

    Raises:
        Exception: of whatever kind TVM raises where it cannot be compiled.
    """
    entry = tuned.narrowed(func).with_attr("global_symbol", "main")
    library = tvm.compile(IRModule({"main": entry}), target=tuned.target)
    arguments = _arguments(func)
    trial = library.mod.time_evaluator("main", tvm.cpu(), number=1, repeat=2)
    # The first call is slow: it reads code and data from memory.
    once_s = min(trial(*arguments).results)
    calls = max(1, round(LEAST_MS / 1000 / max(once_s, 1e-7)))
    evaluator = library.mod.time_evaluator("main", tvm.cpu(), number=calls, repeat=1)
    if tuned.machine.threads > 1:
        return lambda: float(evaluator(*arguments).results[0]) * 1000
    # It calls once more, to warm up.
    return lambda: own_time_ms(lambda: evaluator(*arguments)) / (calls + 1)


def own_time_ms(work: Callable[[], object]) -> float:
    """Return how long this thread computed: whoever else runs on the core meanwhile is left out."""
    started_s = time.thread_time()
    work()
    return (time.thread_time() - started_s) * 1000


def best_of(run: Run, times: int = 3) -> float:
    """Return the least of a few timings, what noise disturbs least, in ms."""
    return min(run() for _ in range(times))


def compared(old: Run, new: Run, pairs: int = PAIRS) -> Compared:
    """Time two candidates in turn, now one first and now the other."""
    timings = []
    for pair in range(pairs):
        if pair % 2:
            timings.append((old(), new()))
        else:
            new_ms = new()
            timings.append((old(), new_ms))
    return judged(timings)


def judged(timings: Sequence[tuple[float, float]]) -> Compared:
    """Say whether the second of each pair is reliably faster: in its median, and in three of four pairs."""
    ratios = [new / old for old, new in timings]
    *_, upper = statistics.quantiles(ratios, n=4)
    old_ms, new_ms = (statistics.median(each) for each in zip(*timings, strict=True))
    return Compared(old_ms, new_ms, statistics.median(ratios) < WORTH and upper < 1)


def _arguments(func: PrimFunc) -> list[Tensor]:
    random = np.random.default_rng(0)
    kinds = [str(each.ty.dtype) for each in func.params]
    return [
        tvm.runtime.tensor((random.random(shape_of(each)) * 8).astype(kind))
        for each, kind in zip(func.params, kinds, strict=True)
    ]
