# mypy: ignore-errors
# ruff: noqa: ANN201, ANN202, C901, E741, N806, PLR0912
"""The loops of a separable convolution, written by hand in TVM's script: channels last, sums in registers.

What stands in a function below `@T.prim_func` is not Python but TVMScript: it is parsed, and shapes and tile sizes
come from the function around it. `T.unroll` and `T.vectorized` loops over a `local` buffer become registers.
"""

from dataclasses import dataclass

from tvm.script import tirx as T  # noqa: N812  as TVM writes it
from tvm.tirx import FloatImm

from detector.compiling.machine import Tile


@dataclass(frozen=True, slots=True)
class Separable:
    """A 1x1 convolution, then a 3x3 depthwise one, with biases; then, where asked, ReLU and 2x2 max-pooling.

    Args:
        height: of the input, in pixels, as `width`.
        inputs: input channels.
        outputs: output channels.
        relu: clip at zero in the end.
        pool: keep the largest of each 2x2 pixels in the end; only with `relu`.
    """

    height: int
    width: int
    inputs: int
    outputs: int
    relu: bool
    pool: bool

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return self.height * self.width * self.outputs * (2 * self.inputs + 18)


def separable(shape: Separable, product: Tile, depthwise: Tile, strips: int, element: str, *, held: bool):
    """Return the loops of a separable convolution: each row of the product is used while it is in the cache.

    The product's last three rows, with a zero pixel at both ends, lie in a ring; above and below the picture its
    rows are zero. Neighbouring strips compute two rows of the product twice.

    Args:
        shape: what to compute.
        product: the tile of the 1x1 convolution.
        depthwise: the tile of the depthwise one.
        strips: how many threads share the rows.
        element: type of weights, features and sums, `float32` or `float16`.
        held: keep the depthwise weights of a tile's channels in registers for a whole row. Otherwise they are read for
            each tile, and channels are the inner loop, so that the ring is read in the order of its addresses.
    """
    E, zero = element, FloatImm(element, 0)
    H, W, I, O = shape.height, shape.width, shape.inputs, shape.outputs
    relu, pool = shape.relu, shape.pool
    step = 2 if pool else 1
    rows_a_strip = H // strips
    P, C = product.pixels, product.channels
    D, V = depthwise.pixels, depthwise.channels

    @T.prim_func(s_tir=True)
    def loops(
        image: T.Buffer((1, H, W, I), E),
        product_weights: T.Buffer((1, 1, I, O), E),
        product_bias: T.Buffer((1, 1, 1, O), E),
        depthwise_weights: T.Buffer((3, 3, 1, O), E),
        depthwise_bias: T.Buffer((1, 1, 1, O), E),
        result: T.Buffer((1, H // step, W // step, O), E),
    ):
        T.func_attr({"tirx.noalias": True})
        pixels = T.decl_buffer((H, W, I), E, data=image.data)
        weights = T.decl_buffer((I, O), E, data=product_weights.data)
        bias = T.decl_buffer((O,), E, data=product_bias.data)
        taps = T.decl_buffer((9, O), E, data=depthwise_weights.data)
        tap_bias = T.decl_buffer((O,), E, data=depthwise_bias.data)
        out = T.decl_buffer((H // step, W // step, O), E, data=result.data)
        for strip in T.parallel(strips):
            ring = T.alloc_buffer((3, W + 2, O), E)
            upper = T.alloc_buffer((W // 2 if pool else 1, O), E)
            for row in T.serial(3):
                for c in T.vectorized(O):
                    ring[row, 0, c] = zero
                    ring[row, W + 1, c] = zero
            for row in T.serial(rows_a_strip + 2):
                if T.And(strip * rows_a_strip + row >= 1, strip * rows_a_strip + row <= H):
                    for xo in T.serial(W // P):
                        for co in T.serial(O // C):
                            sums = T.alloc_buffer((P, C), E, scope="local")
                            for x in T.unroll(P):
                                for c in T.vectorized(C):
                                    sums[x, c] = bias[co * C + c]
                            for i in T.serial(I):
                                for x in T.unroll(P):
                                    for c in T.vectorized(C):
                                        sums[x, c] = (
                                            sums[x, c]
                                            + pixels[strip * rows_a_strip + row - 1, xo * P + x, i]
                                            * weights[i, co * C + c]
                                        )
                            for x in T.unroll(P):
                                for c in T.vectorized(C):
                                    ring[row % 3, 1 + xo * P + x, co * C + c] = sums[x, c]
                else:
                    for x in T.serial(W):
                        for c in T.vectorized(O):
                            ring[row % 3, 1 + x, c] = zero
                if row >= 2:
                    for outer in T.serial(O // V if held else W // D):
                        tap = T.alloc_buffer((9, V), E, scope="local")
                        if held:
                            for t in T.unroll(9):
                                for c in T.vectorized(V):
                                    tap[t, c] = taps[t, outer * V + c]
                        for inner in T.serial(W // D if held else O // V):
                            xo = T.meta_var(inner if held else outer)
                            co = T.meta_var(outer if held else inner)
                            sums = T.alloc_buffer((D, V), E, scope="local")
                            for x in T.unroll(D):
                                for c in T.vectorized(V):
                                    sums[x, c] = tap_bias[co * V + c]
                            for t in T.unroll(9):
                                for x in T.unroll(D):
                                    for c in T.vectorized(V):
                                        sums[x, c] = sums[x, c] + ring[
                                            (row + 1 + t // 3) % 3, xo * D + x + t % 3, co * V + c
                                        ] * (tap[t, c] if held else taps[t, co * V + c])
                            if pool:
                                if (strip * rows_a_strip + row) % 2 == 0:
                                    for x in T.unroll(D // 2):
                                        for c in T.vectorized(V):
                                            upper[xo * (D // 2) + x, co * V + c] = T.max(
                                                T.max(sums[2 * x, c], sums[2 * x + 1, c]), zero
                                            )
                                else:
                                    for x in T.unroll(D // 2):
                                        for c in T.vectorized(V):
                                            out[
                                                (strip * rows_a_strip + row - 2) // 2, xo * (D // 2) + x, co * V + c
                                            ] = T.max(
                                                T.max(sums[2 * x, c], sums[2 * x + 1, c]),
                                                upper[xo * (D // 2) + x, co * V + c],
                                            )
                            else:
                                for x in T.unroll(D):
                                    for c in T.vectorized(V):
                                        out[strip * rows_a_strip + row - 2, xo * D + x, co * V + c] = (
                                            T.max(sums[x, c], zero) if relu else sums[x, c]
                                        )

    return loops
