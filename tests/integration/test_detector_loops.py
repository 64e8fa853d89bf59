"""The loops that TVM compiles compute what numpy does, whatever the shape, the tiles and the number of threads."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from detector.artifacts import Artifacts
from detector.geometry import InputSize

from facewire.models import model_path
from tests.places import CACHE, MODELS, ROOT

# Sums of up to 64 products of standard normal values, in another order; as a part of the largest.
CLOSE = {"float32": 2e-6, "float16": 5e-3}


def test_every_loop_agrees_with_numpy() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.loops"], cwd=ROOT, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr[-2000:]
    errors: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    for element, close in CLOSE.items():
        of_it = {case: error for case, error in errors.items() if element in case}
        assert len(of_it) >= 12
        assert {case: error for case, error in of_it.items() if error > close} == {}


WHAT_NO_RULE_KNOWS = """
import sys, onnx
from tvm.target import Target
from tvm.tirx import PrimFunc
from detector.compiling.compilation import scheduled
from detector.compiling.machine import machine_of
target = Target({"kind": "llvm", "mcpu": sys.argv[2]})
module = scheduled(onnx.load(sys.argv[1]), target, machine_of(target, 1, sys.argv[3]))
functions = {name.name_hint: f for name, f in module.functions.items() if isinstance(f, PrimFunc)}
print(len(functions), *(name for name, f in functions.items() if "tirx.is_scheduled" not in f.attrs))
"""


@pytest.mark.parametrize(("cpu", "element"), [("haswell", "float32"), ("sapphirerapids", "float16")])
def test_the_rules_know_all_of_yunet_but_the_split_of_its_heads(cpu: str, element: str) -> None:
    model = Artifacts(model_path(MODELS, "yunet"), InputSize(320, 256), 1, CACHE).static_model
    command = [sys.executable, "-c", WHAT_NO_RULE_KNOWS, str(model), cpu, element]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    count, *unknown = done.stdout.split()
    assert int(count) > 20
    assert [name for name in unknown if "split" not in name] == []


ASSEMBLY = """
import sys, onnx, tvm
from tvm import IRModule
from tvm.target import Target
from tvm.tirx import PrimFunc
from detector.compiling.compilation import scheduled
from detector.compiling.machine import machine_of
target = Target({"kind": "llvm", "mcpu": sys.argv[2]})
module = scheduled(onnx.load(sys.argv[1]), target, machine_of(target, 1))
found = {str(name.name_hint): f for name, f in module.functions_items() if isinstance(f, PrimFunc)}
loops = {name: f.with_attr("global_symbol", name) for name, f in found.items() if "conv2d" in name}
print(tvm.compile(IRModule(loops), target=target).mod.inspect_source("asm"))
"""
LABEL, BACK = re.compile(r"(\.LBB\w+):"), re.compile(r"\tj\w+\t(\.LBB\w+)")


def test_sixteen_registers_hold_the_sums_of_the_innermost_loops() -> None:
    model = Artifacts(model_path(MODELS, "yunet"), InputSize(320, 256), 1, CACHE).static_model
    done = subprocess.run([sys.executable, "-c", ASSEMBLY, str(model), "haswell"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [loop for loop in innermost(done.stdout) if sum("vfmadd" in line for line in loop) >= 8]
    assert len(found) > 20
    # A sum that is written to the stack in each step waits there for its next product.
    spilled = re.compile(r"\tvmov\w+\t%ymm\d+, -?\d*\(%rsp\)")
    fused_and_spilled = [
        (sum("vfmadd" in e for e in loop), sum(map(bool, map(spilled.search, loop)))) for loop in found
    ]
    assert [each for each in fused_and_spilled if each[1] > 0.1 * each[0]] == []


def innermost(assembly: str) -> Iterator[list[str]]:
    """Give the lines of each loop that has no other in it."""
    lines, labels = assembly.splitlines(), {}
    for at, line in enumerate(lines):
        if label := LABEL.match(line):
            labels[label[1]] = at
        jump = BACK.match(line)
        start = labels.get(jump[1]) if jump else None
        if start is not None and not any(LABEL.match(each) for each in lines[start + 1 : at]):
            yield lines[start : at + 1]
