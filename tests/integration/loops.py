"""Compile hand-written loops for odd shapes, and print how far each is from numpy; run by `test_detector_loops`.

A process of its own: TVM's compiler and its small runtime, which other tests load, cannot share one.
"""

import json
from typing import Any

import numpy as np
import tvm
from detector.compiling.machine import FULL, HALF, Machine, depthwise_tile, holds_taps, product_tile
from detector.compiling.separable import Separable, separable
from detector.compiling.stem import Stem, stem
from numpy.typing import NDArray
from tvm.target import Target, codegen

Array = NDArray[np.float32]
MACHINES = (
    Machine(4, 16, 1),
    Machine(4, 32, 2),
    Machine(8, 16, 1),
    Machine(16, 32, 2),
    # This host need not have arithmetic in half precision: LLVM then rounds after each step, which is the same.
    Machine(8, 32, 1, element=HALF),
)
SEPARABLES = (
    Separable(8, 10, 16, 16, relu=True, pool=False),
    Separable(6, 7, 3, 32, relu=False, pool=False),
    Separable(12, 20, 32, 64, relu=True, pool=True),
    Separable(2, 2, 1, 16, relu=True, pool=True),
    Separable(1, 1, 5, 16, relu=True, pool=False),
)
STEMS = (Stem(6, 8, 16), Stem(1, 8, 32), Stem(5, 24, 16))
RANDOM = np.random.default_rng(7)


def main() -> None:
    errors: dict[str, float] = {}
    for machine in MACHINES:
        for shape in SEPARABLES:
            for cut in cuts(shape.height, even=shape.pool):
                errors[f"{machine} {shape} in {cut}"] = separable_error(machine, shape, cut)
        for first in STEMS:
            for cut in cuts(first.height, even=False):
                errors[f"{machine} {first} in {cut}"] = stem_error(machine, first, cut)
    print(json.dumps(errors))


def cuts(rows: int, *, even: bool) -> list[int]:
    return [n for n in (1, 2) if rows % n == 0 and not (even and rows // n % 2)]


def separable_error(machine: Machine, shape: Separable, cut: int) -> float:
    height, width, outputs = shape.height, shape.width, shape.outputs
    image, product = some(1, height, width, shape.inputs), some(1, 1, shape.inputs, outputs)
    taps, biases = some(3, 3, 1, outputs), (some(1, 1, 1, outputs), some(1, 1, 1, outputs))
    padded = np.zeros((height + 2, width + 2, outputs), np.float32)
    padded[1:-1, 1:-1] = image[0] @ product[0, 0] + biases[0][0, 0, 0]
    truth = biases[1][0, 0, 0] + sum(
        padded[y : y + height, x : x + width] * taps[y, x, 0] for y in range(3) for x in range(3)
    )
    truth = np.maximum(truth, 0) if shape.relu else truth
    if shape.pool:
        truth = truth.reshape(height // 2, 2, width // 2, 2, outputs).max((1, 3))
    tiles = product_tile(machine, width, outputs), depthwise_tile(machine, width, outputs, even=shape.pool)
    loops = separable(shape, *tiles, cut, machine.element, held=holds_taps(machine, tiles[1]))
    return error(loops, [each.astype(machine.element) for each in (image, product, biases[0], taps, biases[1])], truth)


def stem_error(machine: Machine, shape: Stem, cut: int) -> float:
    height, width = shape.height, shape.width
    picture = RANDOM.integers(0, 256, (1, 2 * height, 2 * width, 3), dtype=np.uint8)
    kernel, bias = some(3, 3, 3, shape.outputs) / 256, some(1, 1, 1, shape.outputs)
    padded = np.zeros((2 * height + 1, 2 * width + 1, 3), np.float32)
    padded[1:, 1:] = picture[0]
    truth = bias[0, 0, 0] + sum(
        padded[y : y + 2 * height : 2, x : x + 2 * width : 2] @ kernel[y, x] for y in range(3) for x in range(3)
    )
    loops = stem(shape, product_tile(machine, width, shape.outputs), machine.lanes, cut, machine.element)
    weights = [each.astype(machine.element) for each in (kernel, bias)]
    return error(loops, [picture, *weights], np.maximum(truth, 0))


def error(loops: Any, inputs: list[Any], truth: Any) -> float:
    target = Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu(), "num-cores": 2})
    library = tvm.compile(tvm.IRModule({"main": loops.with_attr("global_symbol", "main")}), target=target)
    # What a loop forgets to write must not look right.
    result = tvm.runtime.tensor(np.full((1, *truth.shape), np.nan, inputs[-1].dtype))
    library["main"](*map(tvm.runtime.tensor, inputs), result)
    worst = float(np.abs(result.numpy()[0] - truth).max() / np.abs(truth).max())
    return worst if np.isfinite(worst) else float("inf")


def some(*shape: int) -> Array:
    """Return values that half precision has too."""
    return RANDOM.standard_normal(shape, dtype=np.float32).astype(HALF).astype(FULL)


if __name__ == "__main__":
    main()
