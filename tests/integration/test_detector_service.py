"""The detector as a process on a real bus, with the real model: what it finds, how it starts, what it survives."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import redis
from capture.demo.truth import CLIP, load_truth
from detector import sealing
from detector.artifacts import Artifacts
from detector.backends import KINDS
from detector.geometry import InputSize
from detector.host import cpu_name
from detector.measuring import Choice, Measurement, load, save
from detector.opening import Files

from facewire import keys
from facewire.boxes import iou
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Detections, Frame, Why, Wish
from facewire.models import model_path
from tests import processes
from tests.integration.door import entries, put
from tests.places import CACHE, DEMO, MODELS, ROOT
from tests.processes import FickleRedis, Running, fickle_redis, service
from tests.servers import free_port, wait_for
from tests.vulkan import require_vulkan

COMMAND = (str(ROOT / "tests/integration/patient_detector.py"),)
PREPARED_WITHIN_S = 600
EVERY_MOST = 15
"""The default of `DETECT_EVERY_MAX`: at that distance every frame is due."""
OF_NO_HOST = {"DETECT_BUSY_PERCENT": "101", "THERMAL_DIR": "/nowhere"}
"""Settings with which neither load nor heat of the host that runs the tests matter."""
AWAY = "redis://127.0.0.1:9/0"


def detector(folder: Path, bus_url: str, cache: Path = CACHE, **settings: str) -> AbstractContextManager[Running]:
    told = {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(cache), "METRICS_PORT": str(free_port())}
    # As a host that is not busy with other tests would detect.
    told |= {"DETECT_EVERY": "5", "PATH": f"{as_important(folder)}:{os.environ['PATH']}"} | settings
    return service("detector", folder, command=COMMAND, BUS_URL=bus_url, **told)


def as_important(folder: Path) -> Path:
    """Return a folder with a `nice` that is none: beside busy tests, what has a low priority would never be done."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    nice = programs / "nice"
    nice.write_text('#!/bin/sh\nshift 2\nexec "$@"\n', encoding="utf-8")
    nice.chmod(0o755)
    return programs


def refused(folder: Path, **settings: str) -> str:
    return processes.refused("detector", folder, **{"MODELS_DIR": str(MODELS), "CACHE_DIR": str(CACHE)} | settings)


def artifacts(cache: Path) -> Artifacts:
    return Artifacts(model_path(MODELS, "yunet"), InputSize(320, 256), 1, cache)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """The first frame of the demo clip: two people."""
    there, first = cv2.VideoCapture(str(DEMO / CLIP)).read()
    assert there
    return first


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A copy of what set-up prepared, to be spoiled."""
    return Path(shutil.copytree(CACHE, tmp_path / "cache"))


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[FickleRedis]:
    """A bus that is away."""
    with fickle_redis(tmp_path / "bus") as server:
        yield server


class Eye:
    """Shows the detector frames, and reads what it finds."""

    def __init__(self, url: str, picture: np.ndarray) -> None:
        self._bus, self._picture = connect(url), picture
        self._after: bytes | str = "0"
        self.announce()

    def announce(self) -> None:
        self._bus.zadd(keys.CAMERAS, {"door": time.time()})

    def show(self, *seqs: int) -> None:
        """Publish frames so that the detector finds all of them at once."""
        with self._bus.pipeline(transaction=True) as together:
            for seq in seqs:
                put(together, keys.FRAMES, self.frame(seq))
            together.execute()

    def frame(self, seq: int) -> Frame:
        height, width = self._picture.shape[:2]
        # A second from one frame to the next: no host is too slow to look as often as it is asked to.
        captured_ns = (1_700_000_000 + seq) * 1_000_000_000
        return Frame("door", seq, captured_ns, width, height, "bgr24", self._picture.tobytes())

    def settle(self, first: int) -> int:
        """Show frames until the detector has seen how slow the camera is; return the last one's seq."""
        last = first + 3 * EVERY_MOST
        for seq in range(first, last + 1, EVERY_MOST):
            self.show(seq)
            assert self.next().seq == seq
        return last

    def next(self) -> Detections:
        ((self._after, fields),) = entries(self._bus, keys.DETECTIONS.key("door"), self._after, "detections", count=1)
        return decode(fields[keys.FIELD], Detections)

    def count(self) -> int:
        length: Any = self._bus.xlen(keys.DETECTIONS.key("door"))
        return int(length)

    def sees(self, first: int, running: Running, note: str, within_s: float = PREPARED_WITHIN_S) -> Detections:
        """Show frames until the detector's note says so; return what it then finds."""
        seq, end_s = first, time.monotonic() + within_s
        while note not in running.notes().get("backend", ""):
            assert time.monotonic() < end_s, running.output()[-2000:]
            self.announce()
            self.show(seq)
            self.next()
            seq += 5
            time.sleep(0.2)
        self.show(seq)
        return self.next()


def test_a_frame_is_answered_with_its_faces_under_its_own_number(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url) as running:
        eye.show(7)
        found = eye.next()
        wait_for(running.healthy, what="health")
        wait_for(lambda: running.counted("handled", camera="door") == 1, what="the frame to be counted")

    assert (found.camera, found.seq, found.captured_ns) == ("door", 7, eye.frame(7).captured_ns)
    assert found.backend in KINDS
    assert found.inference_ms > 0
    truth = np.array([face.xyxy for face in load_truth(DEMO).frames[0]])
    fits = iou(truth, np.array([face.xyxy for face in found.faces]))
    assert fits.shape == (2, 2)
    assert fits.max(axis=1).min() > 0.7


def test_only_due_frames_are_detected_in_and_of_many_the_newest(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, DETECT_EVERY="5") as running:
        eye.show(10)
        assert eye.next().seq == 10
        for seq in range(11, 15):
            eye.show(seq)
        eye.show(15)
        assert eye.next().seq == 15
        eye.show(*range(16, 31))
        assert eye.next().seq == 30
        assert eye.count() == 3
        # Of those that were due (20 to 30), all but the newest.
        assert running.counted("dropped", reason="late") == 10


def test_a_wish_holds_at_once_also_for_who_waits_for_a_later_frame(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye, bus = Eye(bus_url, picture), redis.Redis.from_url(bus_url)

    def wish(seq: int, every: int, why: Why) -> None:
        put(bus, keys.WISHES, Wish("door", seq, eye.frame(seq).captured_ns, every, 300, why))

    with detector(tmp_path, bus_url, CACHE, DETECT_EVERY="auto", **OF_NO_HOST) as running:
        last = eye.settle(first=10)
        before = eye.count()
        wish(last, 300, "nothing new")
        wait_for(lambda: running.sample("facewire_detector_detect_every", camera="door") == 15, what="the ceiling")
        for seq in range(last + 1, last + EVERY_MOST):
            eye.show(seq)
        assert eye.count() == before
        # Nothing but the wish comes: the newest frame, which was not due, is now.
        wish(last + 14, 2, "new motion")
        assert eye.next().seq == last + 14
        eye.show(last + 15)
        eye.show(last + 16)
        assert eye.next().seq == last + 16
        assert running.counted("dropped", reason="late") == 0
        wait_for(lambda: running.notes().get("detect_every door") == "2 frames, new motion", what="the note")
        assert running.counted("detections", reason="new motion") >= 1


def test_a_hot_host_detects_seldom_and_says_why(tmp_path: Path, bus_url: str, picture: np.ndarray) -> None:
    zone = tmp_path / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("84000\n")
    eye = Eye(bus_url, picture)
    with detector(
        tmp_path, bus_url, DETECT_EVERY="auto", THERMAL_DIR=str(zone.parent), DETECT_EVERY_MAX="12"
    ) as running:
        last = eye.settle(first=10)
        wait_for(lambda: running.notes().get("detect_every door") == "12 frames, hot", what="the note")
        for seq in range(last + 1, last + 13):
            eye.show(seq)
        assert eye.next().seq == last + 12


def test_what_is_no_frame_is_counted_and_the_next_is_detected_in(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye, bus = Eye(bus_url, picture), redis.Redis.from_url(bus_url)
    with detector(tmp_path, bus_url, DETECT_EVERY="1") as running:
        rotten: Any = {"m": b"\xff garbage"}
        bus.xadd("frames:door", rotten, id="1-0")
        wait_for(lambda: running.counted("rejected", reason="not_msgpack") == 1, what="the garbage to be counted")
        put(bus, keys.FRAMES, Frame("door", 2, 1, 1, 1, "gray8", b"\x00"))
        assert eye.next().faces == ()
        eye.show(3)
        assert len(eye.next().faces) == 2
        assert running.counted("errors") == 0


def test_a_bus_that_is_away_is_said_and_waited_for(tmp_path: Path, bus: FickleRedis, picture: np.ndarray) -> None:
    with detector(tmp_path, bus.url) as running:
        wait_for(lambda: "Redis 'bus'" in running.says(), what="the missing bus to be noticed")
        for seq in (10, 20):
            bus.come()
            eye = Eye(bus.url, picture)
            eye.show(seq)
            assert eye.next().seq == seq
            wait_for(running.healthy, what="the bus to be back")
            bus.go()
            wait_for(lambda: "Redis 'bus'" in running.says(), what="the lost bus to be noticed")


def test_a_missing_model_is_answered_with_how_to_fetch_it(tmp_path: Path) -> None:
    said = refused(tmp_path, MODELS_DIR=str(tmp_path))

    assert said.startswith(f"facewire: missing model {tmp_path}/")
    assert said.endswith(f"run `python -m facewire.models fetch {tmp_path}`")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DETECTOR_BACKEND", "cuda", "Must be one of: auto, "),
        ("DETECTOR_INPUT", "300x200", "both sides must be multiples of 32"),
        ("DETECT_EVERY", "0", "greater than or equal to 1"),
        ("DETECT_EVERY", "often", "valid integer"),
        ("DETECT_HOT_C", "200", "less than or equal to 110"),
        ("CACHE_DIR", "/proc/facewire", "cannot be made"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    said = refused(tmp_path, **{name: value})

    assert said.startswith(f"facewire: {name}: ")
    assert complaint in said


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "face_detection_yunet_2023mar.onnx"
    model.write_bytes(b"not a model")

    said = refused(tmp_path, MODELS_DIR=str(tmp_path), CACHE_DIR=str(tmp_path / "cache"))

    assert said.startswith(f"facewire: {model} is wrong: expected sha256 8f2383e4")


def spoil(path: Path, content: bytes) -> None:
    assert path.exists(), path
    path.write_bytes(content)


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
