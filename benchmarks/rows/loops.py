# mypy: ignore-errors
# ruff: noqa: ANN201, ANN202
"""The loop that measures the peak, in TVM's script; `detector.compiling.separable` says how to read it."""

from tvm.script import tirx as T  # noqa: N812  as TVM writes it


def peak_loop(sums: int, lanes: int, steps: int):
    """Return a loop of `steps` multiply-adds on each of `sums` vectors, none of which waits for another."""

    @T.prim_func(s_tir=True)
    def peak(factors: T.Buffer((2, lanes), "float32"), state: T.Buffer((sums, lanes), "float32")):
        T.func_attr({"global_symbol": "peak", "tirx.noalias": True})
        held = T.alloc_buffer((sums, lanes), "float32", scope="local")
        for k in T.unroll(sums):
            for c in T.vectorized(lanes):
                held[k, c] = state[k, c]
        for _ in T.serial(steps):
            for k in T.unroll(sums):
                for c in T.vectorized(lanes):
                    held[k, c] = held[k, c] * factors[0, c] + factors[1, c]
        for k in T.unroll(sums):
            for c in T.vectorized(lanes):
                state[k, c] = held[k, c]

    return peak
