"""What there is to choose for the loops that are written by hand."""

from collections.abc import Sequence

from tvm.s_tir import Schedule
from tvm.tirx import PrimFunc

from detector.compiling.machine import TAPS, VECTORS, Machine, Tile, depthwise_tile, holds_taps, product_tile, strips
from detector.compiling.separable import Separable, separable
from detector.compiling.stem import Stem, stem
from detector.compiling.tasks import Task, Tiles


def separable_task(shape: Separable, machine: Machine) -> Task:
    """Return the task of a separable convolution."""
    product = product_tile(machine, shape.width, shape.outputs)
    depthwise = depthwise_tile(machine, shape.width, shape.outputs, even=shape.pool)
    ends = " relu" * shape.relu + " pool" * shape.pool
    return Task(
        f"separable {shape.height}x{shape.width}x{shape.inputs} {shape.outputs}{ends}",
        {
            "product": _sides(product),
            "depthwise": _sides(depthwise),
            "strips": (strips(machine, shape.height, shape.flop, even=shape.pool),),
        },
        {
            "product": _tiles(shape.width, shape.outputs, machine, VECTORS),
            "depthwise": _depthwise_tiles(shape, machine),
            "strips": _cuts(shape.height, machine, even=shape.pool),
        },
        lambda tiles: _replaced(separable_loops(shape, machine, tiles)),
    )


def separable_loops(shape: Separable, machine: Machine, tiles: Tiles) -> PrimFunc:
    """Return the loops of a separable convolution with these tiles."""
    product, depthwise = Tile(*tiles["product"]), Tile(*tiles["depthwise"])
    (cut,) = tiles["strips"]
    return separable(shape, product, depthwise, cut, machine.element, held=holds_taps(machine, depthwise))


def stem_task(shape: Stem, machine: Machine) -> Task:
    """Return the task of a network's first convolution."""
    return Task(
        f"stem {shape.height}x{shape.width} {shape.outputs}",
        {
            "tile": _sides(product_tile(machine, shape.width, shape.outputs)),
            "strips": (strips(machine, shape.height, shape.flop),),
        },
        {
            "tile": _tiles(shape.width, shape.outputs, machine, VECTORS),
            "strips": _cuts(shape.height, machine, even=False),
        },
        lambda tiles: _replaced(stem(shape, Tile(*tiles["tile"]), machine.lanes, tiles["strips"][0], machine.element)),
    )


def _tiles(
    width: int, channels: int, machine: Machine, vectors: Sequence[int], *, even: bool = False
) -> tuple[tuple[int, ...], ...]:
    """Return all tiles whose sums leave at least a register for what is multiplied: pixels, channels."""
    return tuple(
        (pixels, n * machine.lanes)
        for n in vectors
        if channels % (n * machine.lanes) == 0
        for pixels in range(1, width + 1)
        if width % pixels == 0 and not (even and pixels % 2) and (pixels <= 2 or pixels * n < machine.registers)
    )


def _depthwise_tiles(shape: Separable, machine: Machine) -> tuple[tuple[int, ...], ...]:
    """Return all tiles of the depthwise convolution: where nothing multiplies with memory, its weights fit beside."""
    every = _tiles(shape.width, shape.outputs, machine, (1, 2), even=shape.pool)
    if machine.multiplies_memory:
        return every
    vectors = {tile: tile[1] // machine.lanes for tile in every}
    return tuple(
        (pixels, channels)
        for (pixels, channels), n in vectors.items()
        if pixels <= 2 or (pixels + TAPS) * n + machine.passing <= machine.registers
    )


def _cuts(rows: int, machine: Machine, *, even: bool) -> tuple[tuple[int, ...], ...]:
    most = range(1, machine.threads + 1)
    return tuple((n,) for n in most if rows % n == 0 and not (even and rows // n % 2))


def _sides(tile: Tile) -> tuple[int, ...]:
    return tile.pixels, tile.channels


def _replaced(loops: PrimFunc) -> Schedule:
    return Schedule(loops.without_attr("global_symbol"))
