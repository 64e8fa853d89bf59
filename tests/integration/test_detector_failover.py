"""Backends fail inside the real detector on a real bus: faces are found without a gap, and all of it is said."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP
from detector.host import cpu_name
from detector.measuring import Choice, Measurement, save
from detector.opening import Files

from facewire import keys
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Detections, Frame, Tracks
from tests.integration.detecting import artifacts
from tests.integration.door import put
from tests.places import CACHE, DEMO, MODELS, ROOT
from tests.processes import Running, service
from tests.servers import free_port, wait_for

COMMAND = (str(ROOT / "tests/integration/faulty_detector.py"),)
FPS = 30
RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """A detector that sees a moving door, and the faults of its backends."""

    detector: Running
    url: str
    faults: Path

    def fail(self, backend: str, how: str) -> None:
        half_done = self.faults / "half-done"
        half_done.write_text(how, encoding="utf-8")
        half_done.rename(self.faults / backend)

    def mend(self, backend: str) -> None:
        (self.faults / backend).unlink()

    def found(self) -> list[Detections]:
        """Return all that was found so far."""
        entries: Any = connect(self.url).xrange(keys.DETECTIONS.key("door"))
        return [decode(fields[keys.FIELD], Detections) for _, fields in entries]

    def detects_with(self, backend: str) -> None:
        """Wait until the newest faces are this backend's."""
        wait_for(lambda: self.found()[-1:] != [] and self.found()[-1].backend == backend, f"{backend} at work")

    def unanswered(self) -> float:
        """Count the frames that no backend answered; what a busy host is late for is not among them."""
        return self.detector.counted("dropped", reason="no_backend")

    def failures(self, backend: str, reason: str) -> float:
        return self.detector.counted("backend_failures", backend=backend, reason=reason)

    def shared_note(self) -> str:
        """Return the heartbeat's note on the bus, where the dashboard reads it."""
        notes: Any = connect(self.url).hget("health:detector:1", "notes")
        return str(json.loads(notes)["backend"])

    def note(self, *parts: str) -> None:
        """Wait until the heartbeat's note holds all of these."""
        wait_for(
            lambda: all(part in self.detector.notes().get("backend", "") for part in parts), f"a note with {parts}"
        )


@contextmanager
def camera(url: str) -> Iterator[None]:
    """Publish the first frame of the demo clip again and again, as capture would."""
    there, picture = cv2.VideoCapture(str(DEMO / CLIP)).read()
    assert there
    stop = Event()
    thread = Thread(target=_show, args=(url, np.asarray(picture), stop.wait))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show(url: str, picture: np.ndarray, stopped: Callable[[float], bool]) -> None:
    bus, seq = connect(url), 1
    height, width = picture.shape[:2]
    while not stopped(1 / FPS):
        if seq % FPS == 1:
            bus.zadd(keys.CAMERAS, {"door": time.time()})
        put(bus, keys.FRAMES, Frame("door", seq, time.time_ns(), width, height, "bgr24", picture.tobytes()))
        seq += 1


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A copy of what set-up prepared, on a host where TVM was measured as the faster one."""
    cache = Path(shutil.copytree(CACHE, tmp_path / "cache"))
    assert artifacts(cache).library(cpu_name()).exists(), "scripts/setup test compiles it"
    rows = (Measurement("onnxruntime", 2.0, 2.0, 0.0), Measurement("tvm", 1.0, 1.0, 0.0))
    save(Choice("tvm", rows), Files(artifacts(cache)).choice)
    return cache


@contextmanager
def scene(folder: Path, url: str, cache: Path, backend: str = "auto", first: str = "tvm") -> Iterator[Scene]:
    """Run a detector that sees a camera; with the first backend at work."""
    faults = folder / "faults"
    faults.mkdir()
    told = {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(cache), "METRICS_PORT": str(free_port())}
    told |= {"FAULTS": str(faults), "RETRY_S": str(RETRY_S), "DETECTOR_BACKEND": backend, "BUS_URL": url}
    told["DETECT_EVERY"] = "5"
    with service("detector", folder, command=COMMAND, **told) as running, camera(url):
        scene = Scene(running, url, faults)
        scene.detects_with(first)
        yield scene


@pytest.mark.parametrize(
    ("how", "reason", "problem"),
    [
        ("crash", "error", "the device is gone"),
        ("unforeseen", "error", "ZeroDivisionError: nobody thought of it"),
        ("hang", "hang", "no answer within 1 s"),
        ("nan", "garbage", "outputs are not within"),
        ("shape", "garbage", "shapes that should not be"),
    ],
)
def test_faces_are_found_without_a_gap_and_the_best_comes_back(
    tmp_path: Path, bus_url: str, cache: Path, how: str, reason: str, problem: str
) -> None:
    with scene(tmp_path, bus_url, cache) as door:
        door.note("tvm, the fastest here that agrees with onnxruntime")
        wait_for(lambda: door.detector.notes()["backends"] == "onnxruntime 2.00 ms, tvm 1.00 ms", "the times")
        door.fail("tvm", how)
        door.detects_with("onnxruntime")
        wait_for(lambda: door.failures("tvm", reason) == 1, what="the failure to be counted")
        door.note(f"onnxruntime since tvm failed ({reason}: ", problem, "; tvm is tried again in ")
        assert door.detector.healthy()
        wait_for(lambda: door.detector.notes().get("backend_failures") == "1", "the number of failures")
        wait_for(lambda: door.shared_note().startswith("onnxruntime since tvm failed"), "the note on the bus")
        door.mend("tvm")
        door.detects_with("tvm")
        door.note("tvm, the fastest here")
        found = door.found()
        assert door.unanswered() == 0
    assert {len(detections.faces) for detections in found} == {2}
    assert "a backend failed" in door.detector.output()
    # No thread of a failed backend kept the process from ending: `service` checks that.


def track_ids(url: str) -> set[int]:
    """Return the ids in the newest frame's tracks; none before the first."""
    newest: Any = connect(url).xrevrange(keys.TRACKS.key("door"), count=1)
    return {track.id for _, fields in newest for track in decode(fields[keys.FIELD], Tracks).tracks}


def test_faces_keep_their_ids_while_a_backend_hangs(tmp_path: Path, bus_url: str, store_url: str, cache: Path) -> None:
    (tmp_path / "tracker").mkdir()
    # Twice the default, since the machine may be busy.
    told = {"BUS_URL": bus_url, "STORE_URL": store_url, "COAST_S": "2"}
    with scene(tmp_path, bus_url, cache) as door, service("tracker", tmp_path / "tracker", **told):
        wait_for(lambda: len(track_ids(bus_url)) == 2, what="two faces to be followed")
        before = track_ids(bus_url)
        door.fail("tvm", "hang")
        wait_for(lambda: door.failures("tvm", "hang") == 1, what="the hang to be counted")
        door.detects_with("onnxruntime")
        since = door.found()[-1].seq
        wait_for(lambda: door.found()[-1].seq > since + 15, what="more detections")
        assert track_ids(bus_url) == before


def test_it_is_not_taken_back_while_it_still_fails(tmp_path: Path, bus_url: str, cache: Path) -> None:
    with scene(tmp_path, bus_url, cache) as door:
        door.fail("tvm", "nan")
        wait_for(lambda: door.failures("tvm", "garbage") == 2, "the failure when it was tried again")
        after = [detections.backend for detections in door.found()]
        assert after[after.index("onnxruntime") :] == ["onnxruntime"] * after.count("onnxruntime")
        for wait_s in (RETRY_S, 2 * RETRY_S):
            said = f"tvm is tried again in {wait_s} s"
            wait_for(lambda said=said: said in door.detector.output(), said)  # type: ignore[misc]
        assert door.unanswered() == 0


def test_a_last_resort_whose_file_is_spoiled_is_made_again_when_it_is_needed(
    tmp_path: Path, bus_url: str, cache: Path
) -> None:
    artifacts(cache).static_model.write_bytes(b"")
    with scene(tmp_path, bus_url, cache) as door:
        door.fail("tvm", "crash")
        door.detects_with("onnxruntime")
    assert artifacts(cache).static_model.stat().st_size > 0


@pytest.mark.parametrize("backend", ["auto", "tvm"])
def test_when_none_works_it_says_so_tries_again_and_goes_on(
    tmp_path: Path, bus_url: str, cache: Path, backend: str
) -> None:
    with scene(tmp_path, bus_url, cache, backend) as door:
        process = door.detector.process.pid
        for name in ("tvm", "onnxruntime"):
            door.fail(name, "crash")
        wait_for(lambda: not door.detector.healthy(), what="bad health")
        assert door.detector.says().startswith(
            "detector: waiting for a backend that works: tvm failed (error: the device is gone); tvm is tried again "
        )
        assert ("onnxruntime failed" in door.detector.says()) == (backend == "auto")
        wait_for(lambda: door.failures("tvm", "error") >= 2, what="it to be tried again")
        assert door.unanswered() > 0
        last = door.found()[-1].seq
        for name in ("tvm", "onnxruntime"):
            door.mend(name)
        wait_for(lambda: door.found()[-1].seq > last, "faces again")
        wait_for(door.detector.healthy, what="good health")
        assert door.detector.process.pid == process
        assert door.detector.counted("errors") == 0
        if backend == "tvm":
            # The operator allowed no other.
            assert {detections.backend for detections in door.found()} == {"tvm"}
            assert door.failures("onnxruntime", "error") == 0
            door.note("tvm, as DETECTOR_BACKEND says")
