"""Every backend finds the same faces in real photos as OpenCV's own detector does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector.artifacts import Artifacts
from detector.backends import KINDS, Backend, BackendError
from detector.families.yunet import NMS_IOU, yunet
from detector.geometry import InputSize, LetterboxCanvas
from detector.host import cpu_name, has_half_arithmetic
from detector.measuring import load
from detector.opening import Files, opening

from facewire.boxes import iou
from facewire.messages import Face
from facewire.models import model_path
from tests.places import CACHE, MODELS, ROOT
from tests.vulkan import require_vulkan

SIZE = InputSize(320, 256)
SCORE_THRESHOLD = 0.6
PHOTOS = sorted(MODELS.glob("sample*.jpg"))


@pytest.fixture(scope="module")
def artifacts() -> Artifacts:
    return Artifacts(model_path(MODELS, "yunet"), SIZE, 1, CACHE)


@pytest.fixture(scope="module", params=["onnxruntime", "tvm", "ncnn", "ncnn-vulkan"])
def backend(request: pytest.FixtureRequest, artifacts: Artifacts) -> Iterator[Backend]:
    if request.param == "ncnn-vulkan":
        require_vulkan()
    opened = opening(request.param, artifacts.file(request.param, cpu_name()), 1)
    yield opened.load()
    opened.abort()


def photo_at_640(path: Path) -> np.ndarray:
    photo = cv2.imread(str(path))
    assert photo is not None
    return np.asarray(cv2.resize(photo, (640, 480), interpolation=cv2.INTER_AREA))


def opencv_faces(canvas: np.ndarray, model: Path, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 4) in pixels of the photo and scores (N,), best first, as FaceDetectorYN finds them."""
    finder = cv2.FaceDetectorYN.create(str(model), "", (SIZE.width, SIZE.height), SCORE_THRESHOLD, NMS_IOU)
    _, found = finder.detect(canvas)
    found = np.empty((0, 15)) if found is None else found[np.argsort(-found[:, 14])]
    return np.concatenate((found[:, :2], found[:, :2] + found[:, 2:4]), axis=1) / scale, found[:, 14]


def our_faces(picture: np.ndarray, backend: Backend) -> tuple[tuple[Face, ...], np.ndarray, float]:
    canvas, placed = LetterboxCanvas(SIZE).fill(picture)
    return yunet(SIZE).decode(backend.infer(canvas), placed, SCORE_THRESHOLD), canvas[0], placed.scale_x


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_backend_agrees_with_opencv_on_a_real_photo(photo: Path, backend: Backend, artifacts: Artifacts) -> None:
    picture = photo_at_640(photo)
    faces, canvas, scale = our_faces(picture, backend)
    boxes, scores = opencv_faces(canvas, artifacts.model, scale)
    assert len(faces) == len(boxes) > 0
    overlaps = iou(np.array([face.xyxy for face in faces]), boxes)
    partner = overlaps.argmax(axis=1)
    assert sorted(partner) == list(range(len(boxes)))
    assert overlaps.max(axis=1).min() >= 0.95
    np.testing.assert_allclose([face.score for face in faces], scores[partner], atol=0.01)


def test_photos_are_there() -> None:
    assert len(PHOTOS) >= 3, "scripts/setup test fetches them"


def test_landmarks_lie_inside_their_face_and_in_order(artifacts: Artifacts) -> None:
    backend = KINDS["onnxruntime"].open(artifacts.static_model, 1)
    picture = photo_at_640(PHOTOS[-1])
    faces, _, _ = our_faces(picture, backend)
    for face in faces:
        assert face.landmarks is not None
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
        assert right_eye[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < max(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize("name", KINDS)
def test_a_broken_file_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    if name == "ncnn-vulkan":
        require_vulkan()
    broken = tmp_path / f"broken-{name}"
    broken.write_bytes(b"no library")
    opened = opening(name, broken, 1)
    with pytest.raises(BackendError, match="broken") as said:
        opened.load()
    opened.abort()
    assert "\n" not in str(said.value).strip()


def test_the_measurement_chose_the_fastest_that_agrees(artifacts: Artifacts) -> None:
    choice = load(Files(artifacts).choice)
    assert choice is not None, "scripts/setup measures"
    usable = {row.backend: row.median_ms for row in choice.rows if not row.problem and row.median_ms}
    halves = {"tvm-fp16"} if has_half_arithmetic() else set()
    assert set(usable) >= {"onnxruntime", "tvm", "ncnn"} | halves
    assert choice.chosen == min(usable, key=lambda name: usable[name])
    errors = {row.backend: row.max_abs_error for row in choice.rows if row.backend in {"onnxruntime", "tvm"}}
    assert all(error is not None and error <= 1e-3 for error in errors.values())


def test_the_measurement_tells_software_from_a_gpu(artifacts: Artifacts) -> None:
    require_vulkan()
    choice = load(Files(artifacts).choice)
    assert choice is not None, "scripts/setup measures"
    row = next(row for row in choice.rows if row.backend == "ncnn-vulkan")
    if not list(Path("/dev/dri").glob("renderD*")):
        assert row.problem.startswith("software, llvmpipe")
        assert "ncnn-vulkan" not in choice.ranked


def test_tvm_serves_without_its_compiler(artifacts: Artifacts) -> None:
    code = (
        "import sys, pathlib, numpy as np\n"
        "from detector.backends import open_tvm\n"
        "backend = open_tvm(pathlib.Path(sys.argv[1]), 1)\n"
        "backend.infer(np.zeros((1, 256, 320, 3), np.uint8))\n"
        "maps = pathlib.Path('/proc/self/maps').read_text()\n"
        "assert 'libtvm_runtime' in maps and 'libtvm_compiler' not in maps and 'libtvm.so' not in maps, maps\n"
        "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
    )
    path = os.pathsep.join(map(str, (ROOT, ROOT / "services/detector")))
    environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", code, str(artifacts.library(cpu_name()))]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The compiler alone would be some 240 MB, TVM's Python 40.
    assert int(done.stdout) / 1024 < 110
