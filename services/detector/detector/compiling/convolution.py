"""Loops of a convolution that stands alone, from TVM's own by schedule primitives: whatever is fused around it stays.

The sums of a tile of pixels and channels stay in registers; what follows (bias, activation, what is added) is computed
from them there. The padding is no copy of the picture: TVM splits its loops where the border begins, and inside it no
condition is left. Channels that fill no vector get a shorter one.
"""

from dataclasses import dataclass
from math import gcd

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import LoopRV, SBlockRV
from tvm.tirx import PrimFunc

from detector.compiling.blocks import blocks_of, kind_of, shape_of, sums
from detector.compiling.machine import Machine, strips
from detector.compiling.tasks import Task, Tiles

KINDS = ("conv2d_nhwc", "group_conv2d_nhwc")
# With more pixels LLVM keeps what neighbours share in registers, and runs out of them.
DEPTHWISE_REGISTERS_A_PIXEL = 3
VECTORS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution, dense or depthwise.

    Args:
        height: of the result in pixels, as `width`.
        outputs: its channels.
        kernel: height, width, inputs that one output sums over.
        depthwise: each output looks at the input of its own number.
    """

    height: int
    width: int
    outputs: int
    kernel: tuple[int, int, int]
    depthwise: bool

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        high, wide, inputs = self.kernel
        return 2 * self.height * self.width * self.outputs * high * wide * inputs


@dataclass(frozen=True, slots=True)
class Around:
    """A function's blocks.

    Args:
        before: what its input is made by.
        convolution: the one that sums.
        after: what is computed from each of its values, of the same shape.
        wider: what of that has another shape.
    """

    before: list[SBlockRV]
    convolution: SBlockRV
    after: list[SBlockRV]
    wider: list[SBlockRV]


def convolution_task(func: PrimFunc, machine: Machine) -> Task | None:
    """Return what there is to choose for a function, None where it is not one convolution and what is fused to it."""
    schedule = Schedule(func)
    around = _around(schedule)
    shape = None if around is None else _shape(schedule, around.convolution)
    if around is None or shape is None:
        return None
    tiles = _tiles(shape, machine)
    own = max(tiles, key=lambda tile: _products_a_load(tile, shape, machine))
    cuts = tuple((n,) for n in range(1, machine.threads + 1) if shape.height % n == 0)
    kinds = " ".join(kind_of(schedule, block) for block in (*around.before, *around.after, *around.wider))
    sides = " ".join("x".join(map(str, shape_of(each))) for each in func.params)
    return Task(
        f"{'depthwise' if shape.depthwise else 'convolution'} {sides} {kinds}",
        {"tile": own, "channels_first": (1,), "strips": (strips(machine, shape.height // own[0], shape.flop),)},
        {"tile": tiles, "channels_first": ((0,), (1,)), "strips": cuts},
        lambda chosen: _scheduled(func, shape, chosen, machine),
    )


def _around(schedule: Schedule) -> Around | None:
    blocks = blocks_of(schedule)
    summing = [block for block in blocks if sums(schedule, block)]
    if len(summing) != 1 or kind_of(schedule, summing[0]) not in KINDS:
        return None
    at = blocks.index(summing[0])
    result = _result(schedule, summing[0])
    alike = [block for block in blocks[at + 1 :] if _result(schedule, block) == result]
    wider = blocks[at + 1 + len(alike) :]
    in_order = blocks[at + 1 : at + 1 + len(alike)] == alike
    return Around(blocks[:at], summing[0], alike, wider) if in_order else None


def _result(schedule: Schedule, block: SBlockRV) -> tuple[int, ...]:
    return shape_of(schedule.get(block).writes[0].source)


def _shape(schedule: Schedule, convolution: SBlockRV) -> Convolution | None:
    """Return a convolution's shape, None for one in groups of several channels."""
    image, weights = (shape_of(each.source) for each in schedule.get(convolution).reads)
    pictures, height, width, outputs = _result(schedule, convolution)
    dense = kind_of(schedule, convolution) == "conv2d_nhwc"
    depthwise = weights[2] == 1 and image[3] == outputs
    if pictures != 1 or not (dense or depthwise):
        return None
    high, wide, inputs, _ = weights
    return Convolution(height, width, outputs, (high, wide, inputs), depthwise=not dense)


def _tiles(shape: Convolution, machine: Machine) -> tuple[tuple[int, int, int], ...]:
    """Return all tiles whose sums fit the registers: rows, columns, channels."""
    if shape.outputs % machine.lanes == 0:
        channels = [n * machine.lanes for n in VECTORS if shape.outputs % (n * machine.lanes) == 0]
    else:
        # A vector whose length is no power of two takes a whole register, and loads and stores in pieces.
        divisors = [each for each in range(1, machine.lanes) if shape.outputs % each == 0]
        channels = sorted({divisors[-1], max(each for each in divisors if each & (each - 1) == 0)})
    sides = [(1, columns) for columns in range(1, shape.width + 1) if shape.width % columns == 0]
    sides += [(rows, shape.width) for rows in range(2, shape.height + 1) if shape.height % rows == 0]
    return tuple(
        (rows, columns, each)
        for each in channels
        for rows, columns in sides
        if rows * columns == 1 or _registers(rows * columns, each, machine) <= machine.registers
    )


def _registers(pixels: int, channels: int, machine: Machine) -> int:
    """Return how many registers a tile takes: sums, a vector of weights for each, and one pixel."""
    vectors = -(-channels // machine.lanes)
    return pixels * vectors + vectors + 1


def _products_a_load(tile: tuple[int, int, int], shape: Convolution, machine: Machine) -> tuple[float, int]:
    """Rank a tile: how often what was loaded is used; of equals the one with more channels."""
    rows, columns, channels = tile
    # A vector whose length is no power of two costs about as much as two.
    odd = channels & (channels - 1) != 0
    pixels, vectors = rows * columns, channels / machine.lanes / (1 + odd)
    if shape.depthwise:
        # Each pixel's vector is loaded for itself: the tile only must not be too large.
        fits = pixels * DEPTHWISE_REGISTERS_A_PIXEL * max(1, vectors) <= machine.registers
        return (pixels * vectors if fits else 1 / pixels), channels
    return pixels * vectors / (pixels + vectors), channels


def _scheduled(func: PrimFunc, shape: Convolution, tiles: Tiles, machine: Machine) -> Schedule:
    schedule = Schedule(func)
    around = _around(schedule)
    assert around is not None  # noqa: S101  it was looked at before
    (cut,), (channels_first,) = tiles["strips"], tiles["channels_first"]
    for block in (*around.before, *around.after[:-1], *around.wider[:-1]):
        schedule.compute_inline(block)
    last = around.after[-1] if around.after else schedule.cache_write(around.convolution, 0, "local")
    place, pixels, channels = _tiled(schedule, last, tiles["tile"], cut, channels_first=bool(channels_first))
    schedule.compute_at(around.convolution, place, preserve_unit_loops=True)
    schedule.set_scope(around.convolution, 0, "local")
    _, rows, columns, vector, high, wide, inputs = schedule.get_loops(around.convolution)[-7:]
    schedule.reorder(high, wide, inputs, rows, columns, vector)
    taps = [high, wide] if shape.depthwise else []
    for loop in (*taps, rows, columns, *pixels):
        schedule.unroll(loop)
    for loop in (vector, channels):
        schedule.vectorize(loop)
    schedule.decompose_reduction(around.convolution, high)
    if around.wider:
        _vectorise(schedule, around.wider[-1], machine)
    return schedule


def _tiled(
    schedule: Schedule, last: SBlockRV, tile: tuple[int, ...], cut: int, *, channels_first: bool
) -> tuple[LoopRV, list[LoopRV], LoopRV]:
    """Cut the loops of a function's result into tiles.

    Returns:
        The loop in which a tile is computed; the tile's rows and columns; its channels.
    """
    _, height, width, outputs = schedule.get_loops(last)
    strip, band, row = schedule.split(height, [cut, None, tile[0]])
    across, column = schedule.split(width, [None, tile[1]])
    group, channel = schedule.split(outputs, [None, tile[2]])
    order = [group, across] if channels_first else [across, group]
    schedule.reorder(strip, band, *order, row, column, channel)
    if cut > 1:
        schedule.parallel(strip)
    for loop in (strip, band, across):
        schedule.annotate(loop, "pragma_loop_partition_hint", 1)
    return order[-1], [row, column], channel


def _vectorise(schedule: Schedule, block: SBlockRV, machine: Machine) -> None:
    *_, channels = schedule.get_loops(block)
    _, lanes = schedule.split(channels, [None, gcd(int(schedule.get(channels).extent), machine.lanes)])
    schedule.vectorize(lanes)
