"""Compile a static ONNX model into a library for this host or another: ONNX → Relax → machine code.

Only `python -m detector compile` imports this package: it loads TVM's compiler, 300 MB of memory that
the service itself never pays.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx
import tvm
from tvm import IRModule
from tvm.relax.frontend.onnx import from_onnx
from tvm.s_tir.dlight import ApplyDefaultSchedule
from tvm.target import Target, codegen

from detector.compiling.fusing import fused
from detector.compiling.graph import merge_heads, take_bytes
from detector.compiling.half import make_half
from detector.compiling.machine import FULL, HALF, Machine, machine_of, vector_unit
from detector.compiling.rules import RULES
from detector.compiling.tracing import TraceRule
from detector.precision import FP16, FP32
from detector.records import NO_RECORDS, Record
from detector.shipping import CORTEX_A76


class CompilationError(Exception):
    """The model could not be compiled; the text says why."""


ARM64 = "aarch64-linux-gnu"
# A Cortex-A76's instructions beyond ARMv8.0: float32 loops gain nothing from them, and without them the library runs on
# every 64-bit ARM. What remains of the name is how LLVM orders instructions.
LEFT_OUT = ("-lse", "-dotprod", "-rcpc", "-crc", "-rdm", "-ras", "-ssbs")
HALF_ARITHMETIC = {FULL: "-fullfp16", HALF: "+fullfp16"}
ELEMENTS = {FP32: FULL, FP16: HALF}
HOST_LINKER = "ld"
LINKERS = {HOST_LINKER: "binutils", f"{ARM64}-ld": f"binutils-{ARM64}"}
"""Linker to the Debian package that has it."""
CROSS = {CORTEX_A76: {"kind": "llvm", "mtriple": ARM64, "mcpu": "cortex-a76"}}


def compile_for_host(
    static_model: Path, library: Path, threads: int, precision: str, records: Mapping[str, Record] = NO_RECORDS
) -> None:
    """Compile a model for this host's CPU, whole or not at all.

    Args:
        static_model: ONNX with all shapes known.
        library: where the shared object goes.
        threads: how many threads an inference will use.
        precision: of arithmetic, one of `precision.PRECISIONS`.
        records: what tuning found better, by the task's name.
    """
    _compile(static_model, library, threads, ELEMENTS[precision], host_target(threads), HOST_LINKER, records)


def host_target(threads: int) -> Target:
    """Return this host's CPU, for code that uses so many threads."""
    return Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu(), "num-cores": threads})


def host_kind() -> str:
    """Return the kind of records that this host's CPU wants."""
    return kind_of(host_target(1))


def cross_kind(name: str) -> str:
    """Return the kind of records that another machine's CPU wants; `name` is one of `CROSS`."""
    return kind_of(Target(CROSS[name]))


def kind_of(target: Target) -> str:
    """Return the kind of records that a CPU wants: 128 bits are alike whatever makes them."""
    unit = vector_unit(target)
    return unit if unit.startswith("avx") else "simd128"


def cross_compile(
    static_model: Path,
    library: Path,
    threads: int,
    precision: str,
    name: str,
    records: Mapping[str, Record] = NO_RECORDS,
) -> None:
    """Compile a model for the CPU of another machine, whole or not at all; otherwise as `compile_for_host`.

    Args:
        static_model: ONNX with all shapes known.
        library: where the shared object goes.
        threads: how many threads an inference will use.
        precision: of arithmetic, one of `precision.PRECISIONS`.
        name: one of `CROSS`.
        records: what tuning found better, by the task's name.
    """
    element = ELEMENTS[precision]
    target = Target(CROSS[name] | {"mattr": (*LEFT_OUT, HALF_ARITHMETIC[element]), "num-cores": threads})
    _compile(static_model, library, threads, element, target, f"{ARM64}-ld", records)


def _compile(
    static_model: Path,
    library: Path,
    threads: int,
    element: str,
    target: Target,
    linker: str,
    records: Mapping[str, Record],
) -> None:
    half_done = library.with_suffix(".tmp.so")
    try:
        module = scheduled(onnx.load(static_model), target, machine_of(target, threads, element), records)
        tvm.compile(module, target=target).export_library(str(half_done), fcompile=linking(linker))
    except (RuntimeError, ValueError, TypeError) as error:
        raise CompilationError(f"TVM cannot compile {static_model.name}: {error}") from error
    half_done.replace(library)


def scheduled(
    model: onnx.ModelProto, target: Target, machine: Machine, records: Mapping[str, Record] = NO_RECORDS
) -> IRModule:
    """Return a model's functions with the loops that suit a target.

    Args:
        model: ONNX with all shapes known; it is changed.
        target: what TVM compiles for.
        machine: the CPU that loops are for, and the type of weights, features and sums.
        records: what tuning found better, by the task's name.
    """
    # They were measured in full precision.
    records = records if machine.element == FULL else NO_RECORDS
    with target:
        return ApplyDefaultSchedule(TraceRule(machine, records), *(rule(machine, records) for rule in RULES))(
            grouped(model, machine)
        )


def grouped(model: onnx.ModelProto, machine: Machine) -> IRModule:
    """Return a model's functions as they are before they get their loops; otherwise as `scheduled`."""
    merge_heads(model)
    take_bytes(model)
    if machine.element == HALF:
        make_half(model)
    return fused(from_onnx(model), machine.lanes)


def linking(linker: str) -> Callable[..., None]:
    """Return what TVM's `export_library` calls to make a library of its objects; `linker` is one of `LINKERS`.

    TVM's own way wants a whole C++ compiler; its objects need no more than a linker: what they leave undefined (`expf`,
    `memcpy`, TVM's runtime) the process that loads them has.
    """

    def link(output: str, objects: Sequence[str], options: Sequence[str] | None = None, **_: object) -> None:
        command = [linker, "-shared", "-o", output, *objects, *(options or ())]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  files that TVM just wrote
        except FileNotFoundError as error:
            raise CompilationError(f"`{linker}` is missing: install the package {LINKERS[linker]}") from error
        except subprocess.CalledProcessError as error:
            raise CompilationError(f"{linker} failed: {error.stderr.strip()}") from error

    link.object_format = "o"  # type: ignore[attr-defined]  # how TVM asks for the kind of object
    return link
