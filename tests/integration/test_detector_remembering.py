"""`prepare` remembers what it measured, and measures anew once a driver, a library or a package appears or vanishes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.integration.detecting import artifacts
from tests.places import MODELS, ROOT

MEASURING = "timing every backend on this host"


def run(step: str, cache: Path, environment: Mapping[str, str]) -> str:
    """Run one step; return what it said."""
    # No driver of Mesa's: its software takes a third of a second a picture.
    places = {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(cache), "VK_DRIVER_FILES": "/nonexistent/driver.json"}
    done = subprocess.run(
        [sys.executable, "-m", "detector", step],
        cwd=ROOT,
        env={**os.environ, **places, **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def prepare(cache: Path, environment: Mapping[str, str]) -> bool:
    """Run `prepare`; return whether it measured."""
    return MEASURING in run("prepare", cache, environment)


def with_driver(folder: Path) -> dict[str, str]:
    manifest = folder / "vulkan" / "icd.d" / "some_icd.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"ICD": {"library_path": "/nonexistent/libvulkan_some.so"}}))
    return {"XDG_DATA_HOME": str(folder)}


def with_library(folder: Path) -> dict[str, str]:
    folder.mkdir()
    (folder / "libedgetpu.so.1").write_bytes(b"no library")
    return {"LD_LIBRARY_PATH": str(folder)}


def test_a_static_model_of_other_code_is_replaced(cache: Path) -> None:
    made = artifacts(cache).static_model
    old = made.with_name(made.name.replace(made.name.split("-")[-2], "0123456789"))
    made.rename(old)
    (cache / "other-320x256.onnx").write_bytes(b"another model")
    run("static", cache, {})
    assert made.exists()
    assert not old.exists()
    assert (cache / "other-320x256.onnx").exists()


def test_a_choice_is_remembered_until_a_dependency_changes(cache: Path, tmp_path: Path) -> None:
    # Which changes count is `test_detector_dependencies`'s; a measurement takes five seconds.
    prepare(cache, {})
    assert not prepare(cache, {}), "nothing changed"
    appeared = with_driver(tmp_path / "data") | with_library(tmp_path / "lib")
    assert prepare(cache, appeared)
    assert not prepare(cache, appeared)
    assert not prepare(cache, {}), "all is as it was"
