"""Deterministic schedules, as rules in the manner of TVM's DLight: the first that knows a function gives it its loops.

A rule recognises a function by the names and order of its blocks, which come from TVM's operator library, and by its
shapes. What no rule knows keeps the loops that it came with.
"""

import re

from tvm.s_tir import Schedule
from tvm.s_tir.dlight.base import ScheduleRule
from tvm.s_tir.schedule import SBlockRV
from tvm.target import Target
from tvm.tirx import IterVar, PrimFunc

from detector.compiling.machine import Machine, depthwise_tile, product_tile, strips
from detector.compiling.separable import Separable, separable
from detector.compiling.stem import Stem, stem

CONVOLUTION = ("pad_temp", "conv2d_nhwc", "T_add")
DEPTHWISE = ("pad_temp", "group_conv2d_nhwc", "T_add")
FROM_BYTES = ("compute", "T_transpose", "T_transpose")


class _Rule(ScheduleRule):  # type: ignore[misc]  # TVM has no types
    """A rule whose tiles follow from the CPU.

    Args:
        machine: the CPU that it is for.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine


class SeparableRule(_Rule):
    """A 1x1 and a 3x3 depthwise convolution, with ReLU and max-pooling where they follow."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        names = _names(func)
        after = names[6:]
        if names[:6] != (*CONVOLUTION, *DEPTHWISE) or after not in ((), ("compute",), ("compute", "pool_max")):
            return None
        shape = _separable_shape(func, after)
        if shape is None or shape.outputs % self._machine.lanes:
            return None
        cut = strips(self._machine, shape.height, shape.flop, even=shape.pool)
        product = product_tile(self._machine, shape.width, shape.outputs)
        depthwise = depthwise_tile(self._machine, shape.width, even=shape.pool)
        return _replaced(separable(shape, product, depthwise, cut, self._machine.element))


def _separable_shape(func: PrimFunc, after: tuple[str, ...]) -> Separable | None:
    """Return what it computes, None where strides or padding are other than usual."""
    image, product, _, taps, _, result = (_shape(each) for each in func.params)
    _, height, width, inputs = image
    pool = "pool_max" in after
    step = 2 if pool else 1
    outputs = product[3]
    usual = (
        product[:2] == (1, 1)
        and taps[:2] == (3, 3)
        and result == (1, height // step, width // step, outputs)
        and not height % step
        and not width % step
    )
    return Separable(height, width, inputs, outputs, relu=bool(after), pool=pool) if usual else None


class StemRule(_Rule):
    """The first convolution, together with the conversion from bytes."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        if _names(func) != (*FROM_BYTES, *CONVOLUTION, "compute"):
            return None
        picture, kernel, _, result = (_shape(each) for each in func.params)
        _, height, width, outputs = result
        usual = picture == (1, 2 * height, 2 * width, 3) and kernel == (3, 3, 3, outputs)
        if not usual or outputs % self._machine.lanes or (6 * width) % self._machine.lanes:
            return None
        shape = Stem(height, width, outputs)
        tile = product_tile(self._machine, width, outputs)
        cut = strips(self._machine, height, shape.flop)
        return _replaced(stem(shape, tile, self._machine.lanes, cut, self._machine.element))


class PointwiseRule(_Rule):
    """All that computes each value by itself: one pass, vectorised over channels."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        schedule = Schedule(func)
        blocks = _blocks(schedule)
        if any(_sums(schedule, block) for block in blocks) or not _one_by_one(schedule, blocks):
            return None
        for block in blocks[:-1]:
            schedule.compute_inline(block)
        *_, channels = schedule.get_loops(blocks[-1])
        if _shape(func.params[-1])[-1] % self._machine.lanes == 0:
            _, lanes = schedule.split(channels, [None, self._machine.lanes])
            schedule.vectorize(lanes)
        return schedule


class PoolRule(_Rule):
    """2x2 max-pooling, vectorised over channels."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        if _names(func) != ("pool_max",) or _shape(func.params[-1])[-1] % self._machine.lanes:
            return None
        schedule = Schedule(func)
        (block,) = _blocks(schedule)
        *_, channels, above, beside = schedule.get_loops(block)
        channels, lanes = schedule.split(channels, [None, self._machine.lanes])
        schedule.reorder(channels, above, beside, lanes)
        schedule.vectorize(lanes)
        schedule.unroll(above)
        schedule.unroll(beside)
        schedule.decompose_reduction(block, above)
        return schedule


RULES = (SeparableRule, StemRule, PoolRule, PointwiseRule)
"""All of them, the order in which they are asked."""


def _replaced(loops: PrimFunc) -> Schedule:
    return Schedule(loops.without_attr("global_symbol"))


def _shape(parameter: object) -> tuple[int, ...]:
    return tuple(int(side) for side in parameter.shape)  # type: ignore[attr-defined]


def _blocks(schedule: Schedule) -> list[SBlockRV]:
    return list(schedule.get_child_blocks(schedule.get_sblock("root")))


def _names(func: PrimFunc) -> tuple[str, ...]:
    """Return the blocks' names in order, without the numbers that tell namesakes apart."""
    schedule = Schedule(func)
    return tuple(re.sub(r"\d+$", "", str(schedule.get(block).name_hint)) for block in _blocks(schedule))


def _sums(schedule: Schedule, block: SBlockRV) -> bool:
    """Say whether a block adds or compares over an axis that its result does not have."""
    return any(variable.iter_type != IterVar.DataPar for variable in schedule.get(block).iter_vars)


def _one_by_one(schedule: Schedule, blocks: list[SBlockRV]) -> bool:
    """Say whether each block is read by one other, and the last by none."""
    readers = [len(schedule.get_consumers(block)) for block in blocks]
    return readers == [1] * (len(blocks) - 1) + [0]
