"""The rules' tiles suit the number of vector registers: what LLVM keeps beside the sums is left room for."""

import pytest
from detector.compiling.machine import FEW, IN_FLIGHT, Machine, depthwise_tile, holds_taps, product_tile

AVX2 = Machine(lanes=8, registers=16, threads=1)
SSE2 = Machine(lanes=4, registers=16, threads=1)
AVX512 = Machine(lanes=16, registers=32, threads=1)
NEON = Machine(lanes=4, registers=32, threads=1, passing=7)
WIDTHS = (160, 80, 40, 20)


@pytest.mark.parametrize("machine", [AVX2, SSE2])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("channels", [16, 32, 64])
def test_few_registers_get_as_many_sums_as_are_in_flight(machine: Machine, width: int, channels: int) -> None:
    tiles = product_tile(machine, width, channels), depthwise_tile(machine, width, channels, even=False)
    for tile in tiles:
        vectors = tile.channels // machine.lanes
        assert tile.pixels * vectors == IN_FLIGHT
        # With a scalar for each multiplication the loads are the limit.
        assert vectors > 1
        assert (width % tile.pixels, channels % tile.channels) == (0, 0)
    assert not holds_taps(machine, tiles[1])


@pytest.mark.parametrize("machine", [AVX512, NEON])
@pytest.mark.parametrize("width", WIDTHS)
def test_many_registers_hold_the_taps_beside_the_sums(machine: Machine, width: int) -> None:
    tile = depthwise_tile(machine, width, 64, even=False)
    assert tile.pixels >= IN_FLIGHT
    assert holds_taps(machine, tile)


@pytest.mark.parametrize("machine", [AVX2, SSE2, AVX512, NEON])
@pytest.mark.parametrize("width", range(1, 64))
def test_tiles_divide_any_width_and_fit_the_registers(machine: Machine, width: int) -> None:
    for channels in (machine.lanes, 2 * machine.lanes, 3 * machine.lanes, 4 * machine.lanes):
        product = product_tile(machine, width, channels)
        vectors = product.channels // machine.lanes
        assert (width % product.pixels, channels % product.channels) == (0, 0)
        assert product.pixels * vectors + vectors < machine.registers
        depthwise = depthwise_tile(machine, width, channels, even=width % 2 == 0)
        assert (width % depthwise.pixels, channels % depthwise.channels) == (0, 0)
        if width % 2 == 0:
            assert depthwise.pixels % 2 == 0
        if machine.registers <= FEW:
            assert depthwise.pixels * depthwise.channels <= IN_FLIGHT * machine.lanes
