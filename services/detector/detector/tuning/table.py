"""Show what records bring: to each task, and to the whole network, compiled with them and without and timed in turn."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import onnx
import tvm
from tvm import IRModule, relax
from tvm.tirx import PrimFunc

from detector.compiling.compilation import scheduled
from detector.records import NO_RECORDS, Record
from detector.tuning.clock import Compared, compared, own_time_ms
from detector.tuning.targets import Tuned
from detector.tuning.tuner import Work

PAIRS = 60
WARM_UP = 5


def table(works: Sequence[Work], records: Mapping[str, Record]) -> Iterator[str]:
    """Give the lines of a table of all tasks that have a record, and what is left to the rules."""
    better = [(work, records[work.name]) for work in works if work.name in records and _fits(work, records[work.name])]
    if better:
        yield f"{'task':<72} {'times':>5} {'rule ms':>9} {'record ms':>9} {'gain':>6}"
    for work, record in better:
        name = work.name if len(work.name) <= 72 else f"{work.name[:71]}…"
        gain = 1 - record.record_ms / record.rule_ms
        yield f"{name:<72} {work.times:>5} {record.rule_ms:>9.4f} {record.record_ms:>9.4f} {gain:>6.1%}"
    rule_ms = sum(work.times * record.rule_ms for work, record in better)
    record_ms = sum(work.times * record.record_ms for work, record in better)
    left = len(works) - len(better)
    yield f"{len(better)} of {len(works)} tasks have a record: {rule_ms:.3f} ms by rule, {record_ms:.3f} ms with it"
    yield f"for {left} the rules' own choice stays"


def _fits(work: Work, record: Record) -> bool:
    """Say whether compilation applies a record: a rule of today may not do what one of yesterday did."""
    return work.task is None or (record.tiles is not None and work.task.knows(record.tiles))


def whole_network(load: Callable[[], onnx.ModelProto], tuned: Tuned, records: Mapping[str, Record]) -> Compared:
    """Time the network as the rules make it and with records, in turn.

    Args:
        load: reads the model, since compiling changes it.
        tuned: what to compile for.
        records: by task.
    """
    by_rule, recorded = (_runner(load(), tuned, each) for each in (NO_RECORDS, records))
    for _ in range(WARM_UP):
        by_rule()
        recorded()
    return compared(by_rule, recorded, PAIRS)


def _runner(model: onnx.ModelProto, tuned: Tuned, records: Mapping[str, Record]) -> Callable[[], float]:
    module = scheduled(model, tuned.target, tuned.machine, records)
    narrow = {
        name: tuned.narrowed(func) if isinstance(func, PrimFunc) else func for name, func in module.functions_items()
    }
    library = tvm.compile(IRModule(narrow, attrs=module.attrs), target=tuned.target)
    machine = relax.VirtualMachine(library, tvm.cpu())
    shape = tuple(int(side) for side in module["main"].params[0].ty.shape.values)
    picture = tvm.runtime.tensor(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    run = machine["main"]

    def timed_ms() -> float:
        started_s = time.perf_counter()
        run(picture)
        return (time.perf_counter() - started_s) * 1000

    return timed_ms if tuned.machine.threads > 1 else lambda: own_time_ms(lambda: run(picture))
