"""TensorFlow Lite on the CPU: numbers go in and come out right, and BlazeFace finds the faces of real photos."""

import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from detector.artifacts import Artifacts
from detector.backends import KINDS, BackendError
from detector.backends.tflite import RUNTIMES, Network, TfliteBackend, runtime
from detector.families import blazeface
from detector.families.yunet import yunet
from detector.geometry import InputSize, LetterboxCanvas

from facewire.boxes import iou
from facewire.messages import Face
from facewire.models import model_path
from tests.integration.tflite_models import FLOAT32, INT8, UINT8, Shaped, Step, passing_on, write
from tests.places import CACHE, MODELS

PHOTOS = sorted(MODELS.glob("sample*.jpg"))
VARIANTS = tuple(blazeface.SIDES_PX)


def photo(path: Path, width: int) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None, "scripts/setup test fetches it"
    height = round(width * picture.shape[0] / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def yunet_faces(picture: np.ndarray) -> tuple[Face, ...]:
    family = yunet(InputSize(320, 256))
    static = Artifacts(model_path(MODELS, "yunet"), family.size, 1, CACHE).static_model
    canvas, placed = LetterboxCanvas(family.size).fill(picture)
    return family.decode(KINDS["onnxruntime"].open(static, 1).infer(canvas), placed, 0.6)


def blazeface_faces(picture: np.ndarray, variant: blazeface.Variant) -> tuple[Face, ...]:
    family = blazeface.family(variant)
    backend = TfliteBackend(model_path(MODELS, family.name), 1, family)
    canvas, placed = LetterboxCanvas(family.size).fill(picture)
    return family.decode(backend.infer(canvas), placed, 0.5)


# In px of the network's input; below these the variant is not expected to see a face.
SMALLEST_PX: dict[blazeface.Variant, float] = {"front": 19, "back": 22, "full": 22}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
def test_blazeface_finds_the_faces_that_yunet_finds(path: Path, variant: blazeface.Variant) -> None:
    picture = photo(path, 640)
    known, found = yunet_faces(picture), blazeface_faces(picture, variant)

    overlaps = iou(np.array([face.xyxy for face in known]), np.array([face.xyxy for face in found]).reshape(-1, 4))
    # The two networks were shown boxes of another cut, so half is agreement.
    assert (overlaps.max(axis=0) > 0.3).all(), "a face where YuNet sees none"
    assert (overlaps > 0.3).sum(axis=0).max() == 1
    scale = blazeface.SIDES_PX[variant] / 640
    for face, row in zip(known, overlaps, strict=True):
        if (face.xyxy[3] - face.xyxy[1]) * scale >= SMALLEST_PX[variant]:
            assert row.max() > 0.3, f"a face of {(face.xyxy[3] - face.xyxy[1]) * scale:.0f} px was not found"


def test_photos_are_there() -> None:
    assert len(PHOTOS) >= 3, "scripts/setup test fetches them"


@pytest.mark.parametrize("variant", VARIANTS)
def test_its_five_points_lie_near_yunets_the_made_up_corners_hardly_farther_than_the_nose(
    variant: blazeface.Variant,
) -> None:
    errors = []
    for path in PHOTOS:
        large = photo(path, 1280)
        for face in yunet_faces(photo(path, 640)):
            left, top, right, bottom = np.multiply(face.xyxy, 2)
            reach = 1.4 * (bottom - top)
            across, down = (left + right) / 2, (top + bottom) / 2
            rows = slice(max(0, int(down - reach)), int(down + reach))
            crop = np.ascontiguousarray(large[rows, max(0, int(across - reach)) : int(across + reach)])
            # The photo's face fills a third of the crop, the best of both its answers.
            known, found = yunet_faces(crop)[:1], blazeface_faces(crop, variant)[:1]
            if known and found and iou(np.array([known[0].xyxy]), np.array([found[0].xyxy]))[0, 0] > 0.4:
                expected, points = np.array(known[0].landmarks), np.array(found[0].landmarks)
                eyes = np.linalg.norm(expected[1] - expected[0])
                errors.append(np.linalg.norm(points - expected, axis=1) / eyes)
    assert len(errors) >= 6
    right_eye, left_eye, nose, right_corner, left_corner = np.median(errors, axis=0)
    print(
        f"{variant}: {len(errors)} faces, distance from YuNet's points over the eyes' distance, median: "
        f"eyes {max(right_eye, left_eye):.2f}, nose {nose:.2f}, corners {max(right_corner, left_corner):.2f}"
    )

    assert max(right_eye, left_eye) < 0.2
    assert nose < 0.3
    assert max(right_corner, left_corner) < 0.3


@pytest.mark.parametrize(
    ("type_", "scale", "zero_point", "expected"),
    [
        (FLOAT32, 0.0, 0, lambda rgb: rgb / 127.5 - 1),
        (UINT8, 1 / 128, 128, lambda rgb: (rgb - 128) / 128),
        (INT8, 1 / 128, 0, lambda rgb: (rgb - 128) / 128),
        (UINT8, 0.5, 3, lambda rgb: (rgb - 3) * 0.5),
    ],
)
def test_a_picture_goes_in_as_rgb_and_numbers_come_out_as_what_they_stand_for(
    type_: int, scale: float, zero_point: int, expected: object, tmp_path: Path
) -> None:
    model = passing_on(tmp_path / "net.tflite", type=type_, scale=scale, zero_point=zero_point)
    network = Network(model, 1)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 1, 4, 4, 3), dtype=np.uint8)

    for canvas in pictures:
        kept = canvas.copy()
        (row,) = network.run(canvas)
        assert row.dtype == np.float32
        assert callable(expected)
        np.testing.assert_allclose(row[0], expected(canvas[..., ::-1].astype(float)).ravel(), atol=1e-6)
        np.testing.assert_array_equal(canvas, kept)


def test_an_answer_outlives_the_next_call(tmp_path: Path) -> None:
    network = Network(passing_on(tmp_path / "net.tflite", type=FLOAT32, scale=0, zero_point=0), 1)
    (first,) = network.run(np.zeros((1, 4, 4, 3), np.uint8))
    network.run(np.full((1, 4, 4, 3), 255, np.uint8))

    assert (first == -1).all()


def test_a_canvas_of_another_size_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    network = Network(passing_on(tmp_path / "net.tflite", type=UINT8, scale=1 / 128, zero_point=128), 1)

    with pytest.raises(BackendError, match=r"8x6, and 4x4 is expected"):
        network.run(np.zeros((1, 6, 8, 3), np.uint8))


def test_another_network_than_the_familys_is_refused() -> None:
    front, back = blazeface.family("front"), blazeface.family("back")
    with pytest.raises(BackendError, match=r"face_detection_front.tflite takes 128x128, and blazeface-back 256x256"):
        TfliteBackend(model_path(MODELS, front.name), 1, back)


def test_a_network_of_other_outputs_is_refused(tmp_path: Path) -> None:
    model = passing_on(tmp_path / "net.tflite", type=FLOAT32, scale=0, zero_point=0, side=128)

    with pytest.raises(BackendError, match=r"net.tflite gives \(\(1, 49152\),\), and blazeface-front \(\(1, 896, 16\)"):
        TfliteBackend(model, 1, blazeface.family("front"))


def test_a_network_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    tensors = [Shaped("in", (1, 7)), Shaped("shape", (1,), 2, content=np.array([7], np.int32)), Shaped("out", (7,))]
    model = write(tmp_path / "row.tflite", tensors, [Step((0, 1), (2,), builtin=22)], [0], [2])

    with pytest.raises(BackendError, match=r"row.tflite takes no picture, but \[1, 7\] of float32"):
        Network(model, 1)


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.tflite").write_bytes(b"no model at all" * 100)

    with pytest.raises(BackendError, match=r"^broken.tflite cannot be loaded: [^\n]*$"):
        Network(tmp_path / "broken.tflite", 1)
    with pytest.raises(BackendError, match=r"^gone.tflite cannot be loaded: [^\n]*$"):
        Network(tmp_path / "gone.tflite", 1)


def test_either_name_of_the_interpreter_serves_and_without_one_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, RUNTIMES[0], None)
    former = ModuleType(RUNTIMES[1])
    monkeypatch.setitem(sys.modules, RUNTIMES[1].partition(".")[0], ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, RUNTIMES[1], former)
    assert runtime() is former

    monkeypatch.setitem(sys.modules, RUNTIMES[1], None)
    with pytest.raises(BackendError, match=r"no TensorFlow Lite interpreter is installed: .* \(docs/coral.md\)"):
        runtime()
