"""Compile a library for the bench: `python -m benchmarks.rows.building KIND MODEL LIBRARY THREADS`.

A process of its own, since TVM's compiler and TVM's runtime never meet in one.
"""

import json
import sys
from pathlib import Path

import onnx
import tvm
from detector.compiling.compilation import HOST_LINKER, compile_for_host, host_target, linking
from detector.compiling.graph import take_bytes
from detector.compiling.machine import machine_of, vector_unit
from detector.precision import FP32
from tvm.relax.frontend.onnx import from_onnx

from benchmarks.rows.loops import peak_loop

PEAK_FLOP = 150_000_000
"""About what the network needs: the peak is measured over as long a moment."""


def build_untuned(model: Path, library: Path, threads: int) -> None:
    """Compile the network as TVM does when nothing more is said."""
    loaded = onnx.load(model)
    take_bytes(loaded)
    _export(tvm.compile(from_onnx(loaded), target=host_target(threads)), library)


def build_peak(library: Path) -> None:
    """Compile the loop of multiply-adds; beside it goes what it computes."""
    host = host_target(1)
    machine = machine_of(host, 1)
    # Two registers hold the factors.
    sums = machine.registers - 4
    steps = PEAK_FLOP // (2 * sums * machine.lanes)
    _export(tvm.compile(peak_loop(sums, machine.lanes, steps), target=host), library)
    figures = {
        "sums": sums,
        "lanes": machine.lanes,
        "flop": 2 * sums * machine.lanes * steps,
        "instruction_set": vector_unit(host) or "scalar",
    }
    library.with_suffix(".json").write_text(json.dumps(figures), encoding="utf-8")


def _export(module: tvm.runtime.Executable, library: Path) -> None:
    module.export_library(str(library), fcompile=linking(HOST_LINKER))


def main() -> None:
    """Make one library."""
    kind, model, library, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    # TVM goes by the ending.
    half_done = library.with_suffix(".tmp.so")
    if kind == "tvm":
        compile_for_host(model, half_done, threads, FP32)
    elif kind == "tvm-untuned":
        build_untuned(model, half_done, threads)
    else:
        build_peak(half_done)
        half_done.with_suffix(".json").replace(library.with_suffix(".json"))
    half_done.replace(library)


if __name__ == "__main__":
    main()
