"""The Coral's backend loads, runs and fails for real: the interpreter is the real one, the driver is made here.

The driver (fake_edgetpu.c) is built against the same public interface as libedgetpu, and runs the same operator.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detector.artifacts import EDGE_TPU_MODEL
from detector.backends import KINDS, BackendError
from detector.backends.edgetpu import EdgeTpuBackend
from detector.families import ssd
from detector.geometry import Canvas, Letterbox, LetterboxCanvas
from detector.host import edge_tpus

from benchmarks.rows.serving import prepare
from facewire.models import read_manifest
from tests.integration.tflite_models import UINT8, passing_on, red_square_finder
from tests.places import ROOT
from tests.servers import HUNG_S, program


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A driver of an Edge TPU on USB."""
    library = tmp_path_factory.mktemp("driver") / "libedgetpu.so.1"
    source = Path(__file__).with_name("fake_edgetpu.c")
    command = [program("gcc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-lm"]
    subprocess.run(command, check=True)
    return str(library)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that finds red squares, "compiled for the Edge TPU"."""
    return red_square_finder(tmp_path_factory.mktemp("model") / "red_edgetpu.tflite")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("FAKE_EDGETPU", raising=False)
    return monkeypatch


def canvas_with_squares(
    *cells: tuple[int, int], colour: tuple[int, int, int] = (10, 10, 250)
) -> tuple[Canvas, Letterbox]:
    """Paint BGR squares of 64 px into a picture of 640 x 480, at cells of column and row."""
    picture = np.zeros((480, 640, 3), np.uint8)
    for column, row in cells:
        picture[64 * row : 64 * row + 64, 64 * column : 64 * column + 64] = colour
    return LetterboxCanvas(ssd.SIZE).fill(picture)


def test_what_the_device_finds_becomes_faces_in_the_picture(model: Path, driver: str) -> None:
    backend = EdgeTpuBackend(model, 1, "usb", driver)
    canvas, placed = canvas_with_squares((2, 3), (7, 5))

    tensors = backend.infer(canvas)
    faces = ssd.decode(tensors, placed, 0.5)

    assert tuple(tensor.shape for tensor in tensors) == ssd.family().shapes
    assert all(tensor.dtype == np.float32 for tensor in tensors)
    assert [face.landmarks for face in faces] == [None, None]
    boxes = sorted(face.xyxy for face in faces)
    assert boxes[0] == pytest.approx((128, 192, 192, 256), abs=4)
    assert boxes[1] == pytest.approx((448, 320, 512, 384), abs=4)
    # It saw red, so the picture's blue, green and red came as red, green and blue.
    blue, _ = canvas_with_squares((2, 3), colour=(250, 10, 10))
    assert ssd.decode(backend.infer(blue), placed, 0.5) == ()


def test_every_call_sees_its_own_picture(model: Path, driver: str) -> None:
    backend = EdgeTpuBackend(model, 1, library=driver)
    for column in range(10):
        canvas, placed = canvas_with_squares((column, 4))
        (face,) = ssd.decode(backend.infer(canvas), placed, 0.5)
        assert face.xyxy[0] == pytest.approx(64 * column, abs=4)


@pytest.mark.parametrize(
    ("failure", "complaint"),
    [
        ("none", r"no Edge TPU 'usb' can be used; seen: "),
        ("busy", r"no Edge TPU 'usb' can be used \(Failed to open device: in use by another process\); seen: "),
        ("refuse", r"red_edgetpu.tflite cannot be loaded: the model was compiled for a newer runtime"),
        ("prepare", r"red_edgetpu.tflite cannot be loaded: the executable does not fit this device"),
        ("idle", r"red_edgetpu.tflite cannot be loaded: Encountered unresolved custom op: edgetpu-custom-op"),
    ],
)
def test_why_it_does_not_load_is_one_line(
    failure: str, complaint: str, model: Path, driver: str, told: pytest.MonkeyPatch
) -> None:
    told.setenv("FAKE_EDGETPU", failure)

    with pytest.raises(BackendError, match=complaint) as caught:
        EdgeTpuBackend(model, 1, "usb", driver)

    assert "\n" not in str(caught.value)
    told.delenv("FAKE_EDGETPU")
    EdgeTpuBackend(model, 1, "usb", driver)


def test_a_device_on_the_other_bus_is_not_taken(model: Path, driver: str) -> None:
    with pytest.raises(BackendError, match="no Edge TPU 'pci:0' can be used"):
        EdgeTpuBackend(model, 1, "pci:0", driver)


def test_pulling_it_out_is_an_error_and_plugging_it_in_mends_it(
    model: Path, driver: str, told: pytest.MonkeyPatch
) -> None:
    backend = EdgeTpuBackend(model, 1, "usb", driver)
    canvas, placed = canvas_with_squares((2, 3))
    told.setenv("FAKE_EDGETPU", "unplugged")
    with pytest.raises(BackendError, match="USB transfer error 5"):
        backend.infer(canvas)

    told.delenv("FAKE_EDGETPU")
    assert len(ssd.decode(backend.infer(canvas), placed, 0.5)) == 1


CHILD = (
    "import sys, threading, time, pathlib, numpy as np\n"
    "from detector.backends.edgetpu import EdgeTpuBackend\n"
    "backend = EdgeTpuBackend(pathlib.Path(sys.argv[1]), 1, 'usb', sys.argv[2])\n"
    "beat = lambda: [(time.sleep(0.1), print('alive', flush=True)) for _ in range(5)]\n"
    "threading.Thread(target=beat, daemon=True).start()\n"
    "backend.infer(np.zeros((1, 320, 320, 3), np.uint8))\n"
    "print('answered', flush=True)\n"
)


def child(model: Path, driver: str, failure: str) -> subprocess.Popen[str]:
    """Run an inference in a process that native code may take down or hold."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "services/detector")))
    environment = os.environ | {"PYTHONPATH": path, "FAKE_EDGETPU": failure}
    arguments = [sys.executable, "-c", CHILD, str(model), driver]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_driver_that_hangs_leaves_other_threads_alive(model: Path, driver: str) -> None:
    with child(model, driver, "hang") as hanging:
        assert hanging.stdout is not None
        heard = [hanging.stdout.readline() for _ in range(5)]
        assert hanging.poll() is None
        hanging.kill()

    assert heard == ["alive\n"] * 5


def test_a_driver_that_aborts_takes_its_process_with_it(model: Path, driver: str) -> None:
    with child(model, driver, "abort") as aborting:
        assert aborting.wait(HUNG_S) == -signal.SIGABRT


@pytest.fixture
def installed(tmp_path: Path, model: Path) -> Path:
    """The service's code with a manifest whose face network for the Edge TPU is `model`, which lies there too."""
    for package in (ROOT / "facewire", ROOT / "services/detector/detector"):
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "models").mkdir()
    blob = subprocess.run(["git", "hash-object", str(model)], capture_output=True, text=True, check=True).stdout.strip()
    (known,) = (asset for asset in read_manifest() if asset.name == "edgetpu-face")
    manifest = (ROOT / "models/manifest.toml").read_text(encoding="utf-8").replace(known.git_blob, blob)
    (tmp_path / "models/manifest.toml").write_text(manifest, encoding="utf-8")
    shutil.copyfile(model, tmp_path / EDGE_TPU_MODEL)
    return tmp_path


SERVED = (
    "import pathlib, sys, numpy as np\n"
    "from detector.backends import KINDS, BackendError\n"
    "from detector.isolating import Isolation\n"
    "isolation = Isolation('edgetpu', pathlib.Path(sys.argv[1]), 1)\n"
    "try:\n"
    "    tensors = isolation.load().infer(np.load(sys.argv[2]))\n"
    "    placed = type('Placed', (), {'scale_x': 0.5, 'scale_y': 0.5})\n"
    "    faces = KINDS['edgetpu'].family(None).decode(tensors, placed, 0.5)\n"
    "    print(*(round(side) for face in faces for side in face.xyxy))\n"
    "except BackendError as error:\n"
    "    print(error)\n"
    "isolation.abort()\n"
)


@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        ("", "128 192 192 256"),
        ("none", "no Edge TPU can be used"),
        ("unplugged", "USB transfer error 5"),
        ("abort", "its process was ended by SIGABRT"),
    ],
)
def test_the_service_runs_it_in_a_process_of_its_own(failure: str, answer: str, installed: Path, driver: str) -> None:
    canvas, _ = canvas_with_squares((2, 3))
    np.save(installed / "canvas.npy", canvas)
    environment = os.environ | {"PYTHONPATH": str(installed), "FAKE_EDGETPU": failure}
    # Where the system looks for libedgetpu.so.1.
    environment["LD_LIBRARY_PATH"] = str(Path(driver).parent)
    arguments = [sys.executable, "-c", SERVED, str(installed / EDGE_TPU_MODEL), str(installed / "canvas.npy")]

    done = subprocess.run(arguments, env=environment, cwd=installed, capture_output=True, text=True, timeout=HUNG_S)

    assert done.returncode == 0, done.stderr
    assert answer in done.stdout


def test_without_the_driver_that_is_said(model: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"driver does not load: .*libgone.so.*docs/coral.md"):
        EdgeTpuBackend(model, 1, library="libgone.so.1")
    empty = tmp_path / "libedgetpu.so.1"
    (tmp_path / "empty.c").write_text("int nothing;", encoding="utf-8")
    subprocess.run([program("gcc"), "-shared", "-o", str(empty), str(tmp_path / "empty.c")], check=True)
    with pytest.raises(BackendError, match="is no driver of an Edge TPU"):
        EdgeTpuBackend(model, 1, library=str(empty))


def test_a_model_for_the_cpu_is_refused(tmp_path: Path, driver: str) -> None:
    for_cpu = passing_on(tmp_path / "cpu.tflite", type=UINT8, scale=1 / 128, zero_point=128)

    with pytest.raises(BackendError, match=r"cpu.tflite is not compiled for the Edge TPU: .* _edgetpu.tflite"):
        EdgeTpuBackend(for_cpu, 1, "usb", driver)


def test_a_model_of_another_size_is_refused(tmp_path: Path, driver: str) -> None:
    small = red_square_finder(tmp_path / "small_edgetpu.tflite", side=160)

    with pytest.raises(BackendError, match=r"small_edgetpu.tflite takes 160x160, and ssd 320x320"):
        EdgeTpuBackend(small, 1, "usb", driver)


def test_a_model_without_post_processing_is_refused(tmp_path: Path, driver: str) -> None:
    raw = red_square_finder(tmp_path / "raw_edgetpu.tflite", post_processing=False)

    with pytest.raises(BackendError, match="and no boxes, classes, scores and count"):
        EdgeTpuBackend(raw, 1, "usb", driver)


@pytest.mark.parametrize("content", [b"", b"edgetpu-custom-op", None])
def test_a_broken_model_is_one_line(content: bytes | None, model: Path, tmp_path: Path, driver: str) -> None:
    broken = tmp_path / "broken_edgetpu.tflite"
    broken.write_bytes(model.read_bytes()[:600] + b"edgetpu-custom-op" if content is None else content)

    with pytest.raises(BackendError, match=r"^broken_edgetpu.tflite [^\n]*$"):
        EdgeTpuBackend(broken, 1, "usb", driver)
    with pytest.raises(BackendError, match=r"^gone_edgetpu.tflite cannot be read"):
        EdgeTpuBackend(tmp_path / "gone_edgetpu.tflite", 1, "usb", driver)


@pytest.mark.parametrize(("vendor", "product"), [("1a6e", "089a"), ("18d1", "9302")])
def test_a_stick_is_seen_under_both_its_ids_and_a_card_by_its_file(vendor: str, product: str, tmp_path: Path) -> None:
    dev, usb = tmp_path / "dev", tmp_path / "usb"
    assert edge_tpus(dev, usb) == []
    for place, ids in {"1-1": (vendor, product), "2-2": ("18d1", "4ee1")}.items():
        (usb / place).mkdir(parents=True)
        for name, number in zip(("idVendor", "idProduct"), ids, strict=True):
            (usb / place / name).write_text(f"{number}\n", encoding="ascii")
    assert edge_tpus(dev, usb) == ["usb-edgetpu"]

    dev.mkdir()
    (dev / "apex_0").touch()
    assert edge_tpus(dev, usb) == ["apex_0", "usb-edgetpu"]


def test_the_service_loads_no_model_that_is_not_the_manifests(model: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="is not in the manifest"):
        KINDS["edgetpu"].open(model, 1)
    spoiled = tmp_path / EDGE_TPU_MODEL
    spoiled.write_bytes(model.read_bytes())
    with pytest.raises(BackendError, match="is wrong: expected git blob id 026972bf"):
        KINDS["edgetpu"].open(spoiled, 1)
    spoiled.unlink()
    with pytest.raises(BackendError, match=r"missing model .*: run `python -m facewire.models fetch .* edgetpu-face`"):
        KINDS["edgetpu"].open(spoiled, 1)


def test_the_bench_times_it_at_its_own_size(
    model: Path, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas, _ = canvas_with_squares((2, 3))
    np.save(tmp_path / "frame.npy", np.repeat(np.repeat(canvas[0, :240], 2, axis=0), 2, axis=1))
    np.save(tmp_path / "canvas.npy", np.zeros((1, 256, 320, 3), np.uint8))
    here = replace(KINDS["edgetpu"], open=lambda path, threads: EdgeTpuBackend(path, threads, library=driver))
    monkeypatch.setitem(KINDS, "edgetpu", here)

    prepared = prepare("edgetpu", model, 1, tmp_path / "frame.npy", tmp_path / "canvas.npy")

    assert list(prepared.actions) == ["net"]
    prepared.actions["net"]()
    assert tuple(output.shape for output in prepared.outputs) == ssd.family().shapes
