"""Every line of code knows its room: who may import what, and where the environment is read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import ROOT

SERVICES = {path.name: path for path in sorted(ROOT.glob("services/*/*")) if (path / "__init__.py").exists()}
LIBRARY = ROOT / "facewire"
OURS = [LIBRARY, ROOT / "runner", *SERVICES.values()]
HEAVY = {"cv2", "tvm", "onnxruntime", "onnx", "flask", "gunicorn", "paho", "lap"}
ACCELERATORS = {"tvm", "tvm_ffi", "onnxruntime", "ncnn", "tflite_runtime", "ai_edge_litert"}
# The steps that compile, convert and tune run in processes of their own.
STEPS = ("compiling", "converting", "tuning")
MOST_LINES = 300


def files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return the top-level modules that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_there_are_five_services() -> None:
    assert set(SERVICES) == {"capture", "detector", "tracker", "iot_bridge", "web"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_no_other(service: str) -> None:
    others = set(SERVICES) - {service} | {"runner", "tests", "benchmarks"}
    assert {str(path): imports(path) & others for path in files(SERVICES[service]) if imports(path) & others} == {}


def test_the_library_imports_nothing_that_only_some_services_need() -> None:
    forbidden = HEAVY | set(SERVICES) | {"runner"}
    assert {str(path): imports(path) & forbidden for path in files(LIBRARY) if imports(path) & forbidden} == {}


def test_accelerators_are_imported_only_by_backends() -> None:
    guilty = [
        path for path in files(*OURS) if imports(path) & ACCELERATORS and path.parent.name not in ("backends", *STEPS)
    ]
    assert guilty == []


def test_torch_is_needed_by_one_script_only() -> None:
    # It runs with the interpreter of an environment that has torch; no service's has.
    assert [path.name for path in files(*OURS) if "torch" in imports(path)] == ["exporting.py"]


def test_the_environment_is_read_only_by_settings() -> None:
    # A backend tells its library something through it; the local runner makes the environment of others.
    allowed = {"settings.py", "plan.py", "tvm.py", "ncnn.py", "opencv.py"}
    guilty = [
        path
        for path in files(*OURS)
        if path.name not in allowed
        and any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        )
    ]
    assert guilty == []


def test_errors_are_caught_broadly_in_one_place_only() -> None:
    guilty = [
        path
        for path in files(*OURS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert guilty == [LIBRARY / "service.py"]


def test_files_stay_small() -> None:
    assert [path for path in files(*OURS) if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES] == []


def test_every_file_says_what_its_job_is() -> None:
    silent = [path for path in files(*OURS) if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


def test_redis_is_reached_only_through_the_library() -> None:
    guilty = [path for path in files(ROOT / "runner", *SERVICES.values()) if imports(path) & {"redis"}]
    # Capture must know Redis's answer to a seq that another process already used.
    assert [path for path in guilty if "capture" not in path.parts] == []
