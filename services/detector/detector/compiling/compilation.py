"""Compile a static ONNX model into a library for this host: ONNX → Relax → machine code.

Only `python -m detector compile` imports this package: it loads TVM's compiler, 300 MB of memory that
the service itself never pays.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import onnx
import tvm
from tvm import IRModule
from tvm.relax.frontend.onnx import from_onnx
from tvm.s_tir.dlight import ApplyDefaultSchedule
from tvm.target import Target, codegen

from detector.compiling.fusing import fused
from detector.compiling.graph import merge_heads, take_bytes
from detector.compiling.machine import machine_of
from detector.compiling.rules import RULES


class CompilationError(Exception):
    """The model could not be compiled; the text says why."""


def compile_for_host(static_model: Path, library: Path, threads: int) -> None:
    """Compile a model for this host's CPU, whole or not at all.

    Args:
        static_model: ONNX with all shapes known.
        library: where the shared object goes.
        threads: how many threads an inference will use.
    """
    target = Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu(), "num-cores": threads})
    half_done = library.with_suffix(".tmp.so")
    try:
        module = scheduled(onnx.load(static_model), target, threads)
        tvm.compile(module, target=target).export_library(str(half_done), fcompile=_link)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CompilationError(f"TVM cannot compile {static_model.name}: {error}") from error
    half_done.replace(library)


def scheduled(model: onnx.ModelProto, target: Target, threads: int) -> IRModule:
    """Return a model's functions with the loops that suit a target.

    Args:
        model: ONNX with all shapes known; it is changed.
        target: the CPU.
        threads: how many threads an inference will use.
    """
    merge_heads(model)
    take_bytes(model)
    machine = machine_of(target, threads)
    with target:
        return ApplyDefaultSchedule(*(rule(machine) for rule in RULES))(fused(from_onnx(model)))


def _link(output: str, objects: Sequence[str], options: Sequence[str] | None = None, **_: object) -> None:
    # TVM's own way wants a whole C++ compiler; `ld` of binutils is all that its objects need.
    try:
        subprocess.run(  # noqa: S603  arguments are files that TVM just wrote
            ["ld", "-shared", "-o", output, *objects, *(options or ())],  # noqa: S607  wherever binutils put it
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise CompilationError("`ld` is missing: install the package binutils") from error
    except subprocess.CalledProcessError as error:
        raise CompilationError(f"ld failed: {error.stderr.strip()}") from error


_link.object_format = "o"  # type: ignore[attr-defined]  # how TVM asks for the kind of object
