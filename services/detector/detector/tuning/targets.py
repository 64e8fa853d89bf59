"""What this host can tune for: itself, and kinds of CPU whose instructions it has."""

from dataclasses import dataclass

from tvm import IRModule
from tvm.ir.transform import Sequential
from tvm.s_tir.stmt import SBlock, SBlockRealize
from tvm.s_tir.transform import (
    CompactBufferAllocation,
    ConvertBlocksToOpaque,
    LowerInitBlock,
    LowerOpaqueBlock,
    PlanAndUpdateBufferAllocationLocation,
)
from tvm.target import Target, codegen
from tvm.tirx import AttrStmt, Bind, For, IfThenElse, PrimFunc, SeqStmt, Stmt, Var, const
from tvm.tirx.stmt import ForKind

from detector.compiling.compilation import host_target, kind_of
from detector.compiling.machine import Machine, machine_of

HOST = "host"
NEON = Machine(lanes=4, registers=32, threads=1, passing=7)
NAMES = {"avx512": "avx512f", "avx2": "avx2", "simd128": "simd128"}
"""What the operator says, and the kind of records that it makes."""
LOOKS_LIKE = {"avx512f": "x86-64-v4", "avx2": "x86-64-v3"}
"""A CPU with these instructions and no wider ones."""


class TargetError(Exception):
    """This host cannot tune for it; the text is one line."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is tuned for.

    Args:
        kind: of the records.
        target: what TVM compiles for, here.
        machine: whose tiles are chosen.
        lanes: the widest vector allowed, where the target has wider ones.
        note: what to know of the measurements.
    """

    kind: str
    target: Target
    machine: Machine
    lanes: int | None = None
    note: str = ""

    def narrowed(self, func: PrimFunc) -> PrimFunc:
        """Return a function whose vectors are as wide as the machine's that it is tuned for."""
        if self.lanes is None:
            return func
        lowered = _without_blocks(IRModule({"main": func}))["main"]
        # Relax looks for a block at the root.
        root = SBlock([], [], [], "root", _narrowed(lowered.body, self.lanes))
        return lowered.with_body(SBlockRealize([], True, root))  # noqa: FBT003  TVM's parameter


# What `tvm.compile` does first too: after it there are loops and no blocks.
_without_blocks = Sequential(
    [
        LowerInitBlock(),
        PlanAndUpdateBufferAllocationLocation(),
        ConvertBlocksToOpaque(),
        CompactBufferAllocation(),
        LowerOpaqueBlock(),
    ]
)


def tuned_for(name: str, threads: int) -> Tuned:
    """Return what a name means on this host.

    Args:
        name: `HOST` or one of `NAMES`.
        threads: how many threads an inference uses.

    Raises:
        TargetError: this CPU lacks the instructions.
    """
    host = host_target(threads)
    if name == HOST:
        return Tuned(kind_of(host), host, machine_of(host, threads))
    kind = NAMES[name]
    if kind == "simd128":
        return _simd128(host, threads)
    if not codegen.target_has_features(kind, host):
        raise TargetError(f"this CPU has no {name}: tune where there is one, or with --target {HOST}")
    target = Target({"kind": "llvm", "mcpu": LOOKS_LIKE[kind], "num-cores": threads})
    return Tuned(kind, target, machine_of(target, threads))


def _simd128(host: Target, threads: int) -> Tuned:
    machine = Machine(NEON.lanes, NEON.registers, threads, NEON.passing)
    if kind_of(host) == "simd128":
        return Tuned("simd128", host, machine_of(host, threads))
    note = "vectors of four lanes, in AVX-512's 32 registers"
    if not codegen.target_has_features("avx512vl", host):
        note = "vectors of four lanes, in 16 registers where a Cortex-A76 has 32: take these records with caution"
    return Tuned("simd128", host, machine, lanes=machine.lanes, note=note)


def _narrowed(stmt: Stmt, lanes: int) -> Stmt:
    """Cut vectorised loops into vectors of so many lanes."""

    def inside(each: Stmt) -> Stmt:
        return _narrowed(each, lanes)

    if isinstance(stmt, For):
        extent = int(stmt.extent) if stmt.kind == ForKind.VECTORIZED else 0
        if extent > lanes and extent % lanes == 0:
            return _cut(stmt, extent // lanes, lanes)
        step = stmt.step
        return For(
            stmt.loop_var, stmt.min, stmt.extent, stmt.kind, inside(stmt.body), None, stmt.annotations, step, stmt.span
        )
    if isinstance(stmt, SeqStmt):
        return SeqStmt([inside(each) for each in stmt.seq])
    if isinstance(stmt, IfThenElse):
        otherwise = None if stmt.else_case is None else inside(stmt.else_case)
        return IfThenElse(stmt.condition, inside(stmt.then_case), otherwise)
    if isinstance(stmt, AttrStmt):
        return AttrStmt(stmt.node, stmt.attr_key, stmt.value, inside(stmt.body))
    return stmt


def _cut(loop: For, vectors: int, lanes: int) -> Stmt:
    """Return a vectorised loop as an unrolled one of vectors with so many lanes."""
    kind = loop.loop_var.ty
    outer, inner = Var(f"{loop.loop_var.name}_vector", kind), Var(f"{loop.loop_var.name}_lane", kind)
    body = SeqStmt([Bind(loop.loop_var, outer * lanes + inner), loop.body])
    vector = For(inner, const(0, kind.dtype), const(lanes, kind.dtype), ForKind.VECTORIZED, body)
    return For(outer, const(0, kind.dtype), const(vectors, kind.dtype), ForKind.UNROLLED, vector)
