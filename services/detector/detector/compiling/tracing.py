"""What no rule serves and is heavy gets loops by search; a trace tells TVM how to make the best that was found."""

import json
from collections.abc import Mapping
from typing import Any

from tvm.s_tir import Schedule, Trace
from tvm.s_tir.dlight.base import ScheduleRule
from tvm.target import Target
from tvm.tirx import PrimFunc

from detector.compiling.blocks import blocks_of, kind_of, shape_of, sums
from detector.compiling.machine import Machine
from detector.records import Record

TVM_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)
"""What C++ throws arrives as the Python error of the same name."""
HEAVY = ("conv", "matmul", "dense")
"""What names of blocks begin with, or contain, whose loops are worth a search."""


class TraceRule(ScheduleRule):  # type: ignore[misc]  # TVM has no types
    """Loops that a search found.

    Args:
        records: what tuning found better, by the task's name.
    """

    def __init__(self, _machine: Machine, records: Mapping[str, Record]) -> None:
        self._records = {name: record.trace for name, record in records.items() if record.trace is not None}

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where there is no trace for the function or it does not fit."""
        trace = self._records.get(searched_name(func)) if self._records else None
        return None if trace is None else traced(func, trace)


def traced(func: PrimFunc, trace: list[Any]) -> Schedule | None:
    """Return a function with a trace's loops, None where the trace does not fit it."""
    schedule = Schedule(func)
    try:
        Trace.apply_json_to_schedule(trace, schedule)
    except TVM_ERRORS:
        return None
    return schedule


def searched_name(func: PrimFunc) -> str:
    """Return what a function computes, as the key of its record."""
    schedule = Schedule(func)
    kinds = " ".join(kind_of(schedule, block) for block in blocks_of(schedule))
    return f"searched {' '.join('x'.join(map(str, shape_of(each))) for each in func.params)} {kinds}"


def is_heavy(func: PrimFunc) -> bool:
    """Say whether there is a convolution or product of matrices in a function."""
    schedule = Schedule(func)
    summing = [kind_of(schedule, block).lower() for block in blocks_of(schedule) if sums(schedule, block)]
    return any(word in kind for kind in summing for word in HEAVY)


def as_json(trace: Trace) -> list[Any]:
    """Return a trace as what JSON can hold."""
    made: list[Any] = json.loads(json.dumps(trace.as_json(), default=_plain))
    return made


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever TVM keeps in a trace
    return list(value) if hasattr(value, "__iter__") else value.value
