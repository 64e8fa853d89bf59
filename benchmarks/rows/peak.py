"""Worker: a loop of fused multiply-adds that stays in registers; what one thread of this CPU can do at most."""

import os
import sys

import numpy as np

from benchmarks.rows.pipe import Prepared, serve


def prepare(library: str, sums: int, lanes: int) -> Prepared:
    """Load the loop that `building` compiled."""
    os.environ["TVM_USE_RUNTIME_LIB"] = "1"
    import tvm  # noqa: PLC0415  after the variable above

    loop = tvm.runtime.load_module(library)["peak"]
    # x ← 0.999 x + 0.001 goes to 1: neither to infinity nor to denormal numbers.
    factors = tvm.runtime.tensor(np.repeat(np.array([[0.999], [0.001]], np.float32), lanes, axis=1))
    state = tvm.runtime.tensor(np.zeros((sums, lanes), np.float32))
    loop(factors, state)
    return Prepared({"net": lambda: loop(factors, state)}, [state.numpy()])


if __name__ == "__main__":
    library, sums, lanes = sys.argv[1:]
    serve(lambda: prepare(library, int(sums), int(lanes)), (RuntimeError, OSError, AttributeError))
