"""Read what TVM's operator library made of a function: its blocks, their names and shapes."""

import re

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import SBlockRV
from tvm.tirx import IterVar, PrimFunc


def shape_of(buffer: object) -> tuple[int, ...]:
    """Return the shape of a parameter or buffer."""
    return tuple(int(side) for side in buffer.shape)  # type: ignore[attr-defined]


def blocks_of(schedule: Schedule) -> list[SBlockRV]:
    """Return a function's blocks in their order."""
    return list(schedule.get_child_blocks(schedule.get_sblock("root")))


def kind_of(schedule: Schedule, block: SBlockRV) -> str:
    """Return a block's name without the number that tells namesakes apart."""
    return re.sub(r"\d+$", "", str(schedule.get(block).name_hint))


def kinds_of(func: PrimFunc) -> tuple[str, ...]:
    """Return the names of a function's blocks in their order."""
    schedule = Schedule(func)
    return tuple(kind_of(schedule, block) for block in blocks_of(schedule))


def sums(schedule: Schedule, block: SBlockRV) -> bool:
    """Say whether a block adds or compares over an axis that its result does not have."""
    return any(variable.iter_type != IterVar.DataPar for variable in schedule.get(block).iter_vars)


def one_by_one(schedule: Schedule, blocks: list[SBlockRV]) -> bool:
    """Say whether each block is read by one other, and the last by none."""
    readers = [len(schedule.get_consumers(block)) for block in blocks]
    return readers == [1] * (len(blocks) - 1) + [0]
