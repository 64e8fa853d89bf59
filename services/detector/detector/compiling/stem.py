# mypy: ignore-errors
# ruff: noqa: ANN201, ANN202, C901, E741, N806, PLR0912
"""The loops of a network's first convolution, from a picture's bytes; see `separable` on how to read them."""

from dataclasses import dataclass

from tvm.script import tirx as T  # noqa: N812  as TVM writes it
from tvm.tirx import FloatImm

from detector.compiling.machine import Tile


@dataclass(frozen=True, slots=True)
class Stem:
    """A dense 3x3 convolution with stride 2 on a colour picture, bias, ReLU.

    Args:
        height: of the output, in pixels, as `width`.
        outputs: output channels.
    """

    height: int
    width: int
    outputs: int

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return self.height * self.width * self.outputs * 54


def stem(shape: Stem, tile: Tile, lanes: int, strips: int, element: str):
    """Return the loops; the rows of the picture are made float, each once, in a ring of the three that are needed.

    The picture is padded by one pixel at the top and the left only: with stride 2 and even sides nothing else is read.

    Args:
        shape: what to compute.
        tile: what one pass of the innermost loop computes.
        lanes: how many bytes are made float at once.
        strips: how many threads share the rows.
        element: type of weights, features and sums, `float32` or `float16`, which has a byte's values exactly.
    """
    E, zero = element, FloatImm(element, 0)
    H, W, O = shape.height, shape.width, shape.outputs
    ROW = 2 * W * 3
    P, C = tile.pixels, tile.channels
    rows_a_strip = H // strips

    @T.prim_func(s_tir=True)
    def loops(
        picture: T.Buffer((1, 2 * H, 2 * W, 3), "uint8"),
        kernel: T.Buffer((3, 3, 3, O), E),
        kernel_bias: T.Buffer((1, 1, 1, O), E),
        result: T.Buffer((1, H, W, O), E),
    ):
        T.func_attr({"tirx.noalias": True})
        pixels = T.decl_buffer((2 * H, ROW), "uint8", data=picture.data)
        weights = T.decl_buffer((3, 9, O), E, data=kernel.data)
        bias = T.decl_buffer((O,), E, data=kernel_bias.data)
        out = T.decl_buffer((H, W, O), E, data=result.data)
        for strip in T.parallel(strips):
            rows = T.alloc_buffer((3, 3 + ROW), E)
            for near in T.serial(3):
                for i in T.serial(3):
                    rows[near, i] = zero
            for row in T.serial(rows_a_strip):
                for near in T.serial(3):
                    # The first of the three is the last of those before.
                    if T.Or(near > 0, row == 0):
                        if 2 * (strip * rows_a_strip + row) + near >= 1:
                            for io in T.serial(ROW // lanes):
                                for i in T.vectorized(lanes):
                                    rows[(2 * row + near) % 3, 3 + io * lanes + i] = T.Cast(
                                        E, pixels[2 * (strip * rows_a_strip + row) - 1 + near, io * lanes + i]
                                    )
                        else:
                            for io in T.serial(ROW // lanes):
                                for i in T.vectorized(lanes):
                                    rows[near, 3 + io * lanes + i] = zero
                for xo in T.serial(W // P):
                    for co in T.serial(O // C):
                        sums = T.alloc_buffer((P, C), E, scope="local")
                        for x in T.unroll(P):
                            for c in T.vectorized(C):
                                sums[x, c] = bias[co * C + c]
                        # Not unrolled: neighbours share three of nine scalars, which LLVM would keep in registers and
                        # run out of them: 120 GFLOP/s instead of 190 (`scripts/bench detector`'s host). With the three
                        # rows inside, nine steps are too long for LLVM to unroll by itself.
                        for i in T.serial(9):
                            for near in T.unroll(3):
                                for x in T.unroll(P):
                                    for c in T.vectorized(C):
                                        sums[x, c] = (
                                            sums[x, c]
                                            + rows[(2 * row + near) % 3, (xo * P + x) * 6 + i]
                                            * weights[near, i, co * C + c]
                                        )
                        for x in T.unroll(P):
                            for c in T.vectorized(C):
                                out[strip * rows_a_strip + row, xo * P + x, co * C + c] = T.max(sums[x, c], zero)

    return loops
