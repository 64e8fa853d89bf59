"""Deterministic schedules, as rules in the manner of TVM's DLight: the first that knows a function gives it its loops.

A rule recognises a function by the names and order of its blocks, which come from TVM's operator library, and by its
shapes. What no rule knows keeps the loops that it came with.
"""

from collections.abc import Mapping
from math import gcd

from tvm.s_tir import Schedule
from tvm.s_tir.dlight.base import ScheduleRule
from tvm.target import Target
from tvm.tirx import PrimFunc

from detector.compiling.blocks import blocks_of, kinds_of, one_by_one, shape_of, sums
from detector.compiling.convolution import convolution_task
from detector.compiling.machine import Machine
from detector.compiling.separable import Separable
from detector.compiling.stem import Stem
from detector.compiling.tasks import Task
from detector.compiling.written import separable_task, stem_task
from detector.records import Record

CONVOLUTION = ("pad_temp", "conv2d_nhwc", "T_add")
DEPTHWISE = ("pad_temp", "group_conv2d_nhwc", "T_add")
FROM_BYTES = ("compute",)


class _Rule(ScheduleRule):  # type: ignore[misc]  # TVM has no types
    """A rule whose tiles follow from the CPU.

    Args:
        machine: the CPU that it is for.
        records: what tuning found better, by the task's name.
    """

    def __init__(self, machine: Machine, records: Mapping[str, Record]) -> None:
        self._machine = machine
        self._records = records


class _TiledRule(_Rule):
    """A rule with something to choose."""

    def task(self, func: PrimFunc) -> Task | None:
        """Return what there is to choose for a function, None where it is for another rule."""
        raise NotImplementedError

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        task = self.task(func)
        if task is None:
            return None
        record = self._records.get(task.name)
        tiles = None if record is None else record.tiles
        return task.loops(task.own if tiles is None or not task.knows(tiles) else tiles)


class SeparableRule(_TiledRule):
    """A 1x1 and a 3x3 depthwise convolution, with ReLU and max-pooling where they follow."""

    def task(self, func: PrimFunc) -> Task | None:
        """Return what there is to choose for a function, None where it is for another rule."""
        names = kinds_of(func)
        after = names[6:]
        if names[:6] != (*CONVOLUTION, *DEPTHWISE) or after not in ((), ("compute",), ("compute", "pool_max")):
            return None
        shape = _separable_shape(func, after)
        if shape is None or shape.outputs % self._machine.lanes:
            return None
        return separable_task(shape, self._machine)


def _separable_shape(func: PrimFunc, after: tuple[str, ...]) -> Separable | None:
    """Return what it computes, None where strides or padding are other than usual."""
    image, product, _, taps, _, result = (shape_of(each) for each in func.params)
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


class StemRule(_TiledRule):
    """The first convolution, together with the conversion from bytes."""

    def task(self, func: PrimFunc) -> Task | None:
        """Return what there is to choose for a function, None where it is for another rule."""
        if kinds_of(func) != (*FROM_BYTES, *CONVOLUTION, "compute"):
            return None
        picture, kernel, _, result = (shape_of(each) for each in func.params)
        _, height, width, outputs = result
        usual = picture == (1, 2 * height, 2 * width, 3) and kernel == (3, 3, 3, outputs)
        if not usual or outputs % self._machine.lanes or (6 * width) % self._machine.lanes:
            return None
        return stem_task(Stem(height, width, outputs), self._machine)


class ConvolutionRule(_TiledRule):
    """A convolution that stands alone, dense or depthwise, and whatever is fused around it."""

    def task(self, func: PrimFunc) -> Task | None:
        """Return what there is to choose for a function, None where it is for another rule."""
        return convolution_task(func, self._machine)


class PointwiseRule(_Rule):
    """All that computes each value by itself: one pass, vectorised over channels."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        schedule = Schedule(func)
        blocks = blocks_of(schedule)
        if any(sums(schedule, block) for block in blocks) or not one_by_one(schedule, blocks):
            return None
        for block in blocks[:-1]:
            schedule.compute_inline(block)
        *_, channels = schedule.get_loops(blocks[-1])
        if shape_of(func.params[-1])[-1] % self._machine.lanes == 0:
            _, lanes = schedule.split(channels, [None, self._machine.lanes])
            schedule.vectorize(lanes)
        return schedule


class PoolRule(_Rule):
    """2x2 max-pooling, vectorised over channels."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        if kinds_of(func) != ("pool_max",) or shape_of(func.params[-1])[-1] % self._machine.lanes:
            return None
        schedule = Schedule(func)
        (block,) = blocks_of(schedule)
        *_, channels, above, beside = schedule.get_loops(block)
        channels, lanes = schedule.split(channels, [None, self._machine.lanes])
        schedule.reorder(channels, above, beside, lanes)
        schedule.vectorize(lanes)
        schedule.unroll(above)
        schedule.unroll(beside)
        schedule.decompose_reduction(block, above)
        return schedule


class MeanRule(_Rule):
    """The mean over a whole picture, vectorised over channels."""

    def apply(self, func: PrimFunc, target: Target, tunable: bool) -> Schedule | None:  # noqa: ARG002, FBT001
        """Return the schedule, None where the function is another."""
        schedule = Schedule(func)
        blocks = blocks_of(schedule)
        ones_and_channels = shape_of(func.params[-1])
        usual = len(blocks) == 2 and sums(schedule, blocks[0]) and not sums(schedule, blocks[1])
        if not usual or ones_and_channels[:-1] != (1, 1, 1) or len(schedule.get_loops(blocks[0])) != 6:
            return None
        *_, channels = schedule.get_loops(blocks[1])
        group, lanes = schedule.split(channels, [None, gcd(ones_and_channels[-1], self._machine.lanes)])
        schedule.compute_at(blocks[0], group, preserve_unit_loops=True)
        schedule.set_scope(blocks[0], 0, "local")
        vector, high, wide = schedule.get_loops(blocks[0])[-3:]
        schedule.reorder(high, wide, vector)
        schedule.vectorize(vector)
        schedule.vectorize(lanes)
        schedule.decompose_reduction(blocks[0], high)
        return schedule


TILED = (SeparableRule, StemRule, ConvolutionRule)
"""Those that leave something to tuning."""
RULES = (*TILED, PoolRule, MeanRule, PointwiseRule)
"""All of them, the order in which they are asked."""
