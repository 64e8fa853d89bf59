"""Models are made ready for a backend while the detector runs, and nothing of that outlives it."""

from pathlib import Path

import numpy as np
import psutil
import pytest
from detector import sealing
from detector.host import cpu_name

from tests.integration.detecting import Eye, artifacts, detector, spoil
from tests.servers import wait_for
from tests.vulkan import require_vulkan


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("backend", ["ncnn", "ncnn-vulkan"])
def test_ncnn_is_made_ready_and_detects_when_it_is_named(
    backend: str, tmp_path: Path, bus_url: str, cache: Path, picture: np.ndarray
) -> None:
    if backend == "ncnn-vulkan":
        require_vulkan()
    # Cut off by a power failure; and in CI the GPU is software, which only `auto` leaves out.
    spoil(artifacts(cache).net, b"PK")
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, cache, DETECTOR_BACKEND=backend) as running:
        seen = eye.sees(1, running, note=f"{backend}, as DETECTOR_BACKEND says")
    assert (seen.backend, len(seen.faces)) == (backend, 2)
    assert sealing.is_intact(artifacts(cache).net)


def test_the_only_backend_wanted_is_made_ready_while_the_heart_beats(tmp_path: Path, bus_url: str, cache: Path) -> None:
    spoil(artifacts(cache).library(cpu_name()), b"")
    with detector(tmp_path, bus_url, cache, DETECTOR_BACKEND="tvm") as running:
        waiting = "detector: waiting for the model to be made ready for tvm"
        wait_for(lambda: running.says() == waiting, "what it waits for")
        first_s = running.told()["at_s"]
        wait_for(lambda: running.told()["at_s"] > first_s + 2, "beats during the preparation")
        assert running.says() == waiting
        preparing = psutil.Process(running.process.pid).children(recursive=True)
        assert preparing
        running.end()
    wait_for(lambda: not any(map(alive, preparing)), "the end of the preparation")


def test_it_ends_in_time_while_the_background_prepares_and_leaves_no_process(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye, empty = Eye(bus_url, picture), tmp_path / "empty"
    with detector(tmp_path, bus_url, empty) as running:
        eye.show(1)
        assert eye.next().backend == "onnxruntime"
        service_itself = psutil.Process(running.process.pid)
        # The preparation, and its compiler.
        wait_for(lambda: len(service_itself.children(recursive=True)) == 2, what="the compiler")
        preparing = service_itself.children(recursive=True)
        running.end()
    wait_for(lambda: not any(map(alive, preparing)), "the end of the preparation")
    assert not artifacts(empty).library(cpu_name()).exists()
