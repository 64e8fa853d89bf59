"""What is spoiled in the detector's cache is made again."""

from pathlib import Path

import numpy as np
import pytest
from detector.backends import KINDS
from detector.host import cpu_name
from detector.measuring import Choice, Measurement, load, save
from detector.opening import Files

from tests.integration.detecting import Eye, artifacts, detector, spoil
from tests.servers import wait_for


@pytest.mark.parametrize(("backend", "content"), [("auto", b""), ("onnxruntime", b"not a model")])
def test_a_spoiled_model_in_the_cache_is_made_again_before_the_reference_detects(
    tmp_path: Path, bus_url: str, cache: Path, picture: np.ndarray, content: bytes, backend: str
) -> None:
    good = artifacts(cache).static_model.read_bytes()
    spoil(artifacts(cache).static_model, content)
    # Of a host that was never measured: else `auto` may start with TVM, which needs no such model.
    Files(artifacts(cache)).choice.unlink()
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, cache, DETECTOR_BACKEND=backend):
        eye.show(1)
        found = eye.next()
        assert (found.backend, len(found.faces)) == ("onnxruntime", 2)
    assert artifacts(cache).static_model.read_bytes() == good


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"chosen": "cuda", "rows": []}', b'{"chosen": "onnxruntime", "rows": [1]}', b"\xff"]
)
def test_a_spoiled_choice_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "choice.json").write_bytes(content)

    assert load(tmp_path / "choice.json") is None


def test_a_spoiled_choice_is_made_again_beside_the_running_service(
    tmp_path: Path, bus_url: str, cache: Path, picture: np.ndarray
) -> None:
    choice = Files(artifacts(cache)).choice
    spoil(choice, b'{"chosen": "cuda", "rows": []}')
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, cache) as running:
        eye.show(1)
        assert eye.next().backend == "onnxruntime"
        measuring = "onnxruntime while the others are measured"
        wait_for(lambda: running.notes().get("backend") == measuring, "the note")
        assert len(eye.sees(6, running, note="the fastest here").faces) == 2
    made = load(choice)
    assert made is not None
    assert {row.backend for row in made.rows} == set(KINDS)


def test_a_spoiled_library_is_compiled_again(tmp_path: Path, bus_url: str, cache: Path, picture: np.ndarray) -> None:
    library = artifacts(cache).library(cpu_name())
    spoil(library, b"")
    rows = (Measurement("onnxruntime", 2.0, 2.0, 0.0), Measurement("tvm", 1.0, 1.0, 0.0))
    save(Choice("tvm", rows), Files(artifacts(cache)).choice)
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, cache) as running:
        eye.show(1)
        assert eye.next().backend == "onnxruntime"
        assert eye.sees(6, running, note="tvm, the fastest here").backend == "tvm"
    assert library.stat().st_size > 0
