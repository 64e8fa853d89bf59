"""The demo clip: the same every time, its truth plausible and true, composed only when something changed."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.demo import choreography
from capture.demo.cast import CAST
from capture.demo.choreography import CLIP_S, FPS, HEIGHT_PX, WIDTH_PX, interpolate, places
from capture.demo.compose import ComposeError, compose, compose_frame, make_scenery
from capture.demo.truth import CLIP, TRUTH, TrueFace, Truth, load_truth, save_truth
from hypothesis import given
from hypothesis import strategies as st

from facewire.boxes import iou
from tests.places import MODELS

MOMENTS_S = [index / 10 for index in range(CLIP_S * 10)]
PHOTO_SIZE = (1920, 1600)


def quiet(_line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of nobody, as large as the real ones: composing does not care who is in them."""
    folder = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(1)
    for name in {person.photo for person in CAST}:
        coarse = chance.integers(0, 256, (80, 96, 3), np.uint8)
        assert cv2.imwrite(str(folder / name), cv2.resize(coarse, PHOTO_SIZE))
    return folder


@pytest.fixture(scope="session")
def clip(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first second of the clip."""
    folder = tmp_path_factory.mktemp("clip")
    assert compose(photos, folder, quiet, frames=FPS)
    return folder


def pictures(folder: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(folder / CLIP))
    found: list[np.ndarray] = []
    while True:
        there, picture = capture.read()
        if not there:
            capture.release()
            return found
        found.append(picture)


def test_the_clip_is_the_same_every_time(photos: Path, clip: Path, tmp_path: Path) -> None:
    assert compose(photos, tmp_path, quiet, frames=FPS)

    assert (tmp_path / TRUTH).read_bytes() == (clip / TRUTH).read_bytes()
    assert all(np.array_equal(*pair) for pair in zip(pictures(tmp_path), pictures(clip), strict=True))


def test_the_clip_has_a_frame_for_every_line_of_its_truth(clip: Path) -> None:
    truth, seen = load_truth(clip), pictures(clip)

    assert len(truth.frames) == len(seen) == FPS
    assert (truth.fps, truth.width, truth.height) == (30, 640, 480)
    assert seen[0].shape == (480, 640, 3)


def test_nothing_is_done_when_the_clip_is_up_to_date(photos: Path, clip: Path) -> None:
    before = (clip / CLIP).stat().st_mtime_ns

    assert not compose(photos, clip, quiet, frames=FPS)
    assert (clip / CLIP).stat().st_mtime_ns == before


@pytest.mark.parametrize("lost", [CLIP, TRUTH])
def test_the_clip_is_composed_again_when_half_of_it_is_gone(photos: Path, tmp_path: Path, lost: str) -> None:
    compose(photos, tmp_path, quiet, frames=2)
    (tmp_path / lost).unlink()

    assert compose(photos, tmp_path, quiet, frames=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CLIP, TRUTH]


def test_the_clip_is_composed_again_when_a_photo_changed(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    for photo in photos.iterdir():
        (other / photo.name).write_bytes(photo.read_bytes())
    compose(other, tmp_path / "clip", quiet, frames=2)
    assert cv2.imwrite(str(other / CAST[0].photo), np.zeros((*PHOTO_SIZE[::-1], 3), np.uint8))

    assert compose(other, tmp_path / "clip", quiet, frames=2)


def test_a_missing_photo_is_said_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match=r"^missing photo sample\d.jpg in .*: run `python -m facewire.models fetch"):
        compose(tmp_path, tmp_path / "clip", quiet)

    assert not (tmp_path / "clip").exists()


def test_a_photo_that_is_none_leaves_nothing_behind(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    for photo in photos.iterdir():
        (other / photo.name).write_bytes(b"no photo")

    with pytest.raises(ComposeError, match=r"is not a photo: run `python -m facewire.models verify"):
        compose(other, tmp_path / "clip", quiet)
    assert list((tmp_path / "clip").iterdir()) == []


def test_up_to_five_faces_are_there_at_once_and_at_times_none() -> None:
    in_sight = [sum(0 < place.x_px < WIDTH_PX for place in places(at_s)) for at_s in MOMENTS_S]

    assert (min(in_sight), max(in_sight)) == (0, 5)
    assert in_sight[0] >= 1, "a newcomer sees a face at once"


def test_everybody_is_as_large_as_promised_and_within_the_picture_from_top_to_bottom() -> None:
    for place in itertools.chain.from_iterable(map(places, MOMENTS_S)):
        _, top, _, bottom = place.face_box()
        assert 45 <= bottom - top <= 130
        assert top >= 0
        assert bottom <= HEIGHT_PX


def test_people_move_without_leaps_also_from_the_end_of_the_clip_to_its_start() -> None:
    frames = [{place.person.name: place.x_px for place in places(index / FPS)} for index in range(CLIP_S * FPS)]

    for before, after in itertools.pairwise([*frames, frames[0]]):
        for name in before.keys() & after.keys():
            assert abs(after[name] - before[name]) < 25, name
        for name in before.keys() ^ after.keys():
            x_px = {**before, **after}[name]
            assert not -200 < x_px < WIDTH_PX + 200, f"{name} comes or goes in sight"


def test_nobody_is_in_two_places_at_once() -> None:
    for at_s in MOMENTS_S:
        names = [place.person.name for place in places(at_s)]
        assert len(names) == len(set(names))


def test_people_come_back_and_pass_before_one_another() -> None:
    names = [name for name, _ in choreography.VISITS]
    assert len(set(names)) == 6
    assert len(names) > len(set(names))

    swaps = set()
    order: dict[tuple[str, str], bool] = {}
    for at_s in MOMENTS_S:
        for one, other in itertools.combinations(sorted(places(at_s), key=lambda place: place.person.name), 2):
            pair = (one.person.name, other.person.name)
            is_left = one.x_px < other.x_px
            if order.get(pair, is_left) != is_left and 0 < one.x_px < WIDTH_PX:
                swaps.add(pair)
            order[pair] = is_left
    assert len(swaps) >= 5


def test_a_face_behind_another_or_outside_counts_as_less_visible(photos: Path, tmp_path: Path) -> None:
    compose(photos, tmp_path, quiet, frames=5 * FPS)
    faces = [face for frame in load_truth(tmp_path).frames for face in frame]

    inside = [(min(face.xyxy[2], WIDTH_PX) - max(face.xyxy[0], 0)) / (face.xyxy[2] - face.xyxy[0]) for face in faces]
    assert all(0 <= face.visible <= share + 0.05 for face, share in zip(faces, inside, strict=True))
    assert min(inside) < 0.5
    assert any(face.visible == 1 for face in faces)
    covered = [face for face in faces if face.xyxy[0] > 0 and face.xyxy[2] < WIDTH_PX and face.visible < 0.5]
    assert covered


def test_yunet_finds_every_face_that_is_wholly_visible_and_where_the_truth_says() -> None:
    detector = cv2.FaceDetectorYN.create(str(MODELS / "face_detection_yunet_2023mar.onnx"), "", (320, 256), 0.6)
    scenery = make_scenery(MODELS)
    overlaps: list[float] = []
    false = 0
    for index in range(0, CLIP_S * FPS, FPS):
        picture, truth = compose_frame(scenery, index)
        # Half the size, and letterboxed below, as the detector service does it.
        shrunk = cv2.copyMakeBorder(cv2.resize(picture, (320, 240)), 0, 16, 0, 0, cv2.BORDER_CONSTANT)
        found = detector.detect(shrunk)[1]
        boxes = np.empty((0, 4)) if found is None else 2.0 * np.asarray(found)[:, :4]
        boxes = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1).astype(np.float64)
        shared = iou(np.array([face.xyxy for face in truth]).reshape(-1, 4), boxes)
        overlaps += [max(row, default=0.0) for face, row in zip(truth, shared, strict=True) if face.visible >= 0.9]
        false += int((shared.max(axis=0, initial=0) < 0.3).sum())

    assert len(overlaps) > 60
    assert np.mean(np.array(overlaps) > 0.6) >= 0.98
    assert np.mean(overlaps) > 0.85
    assert false == 0


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.floats(-500, 500)), min_size=2, max_size=8),
    st.floats(0, 1, exclude_max=True),
)
def test_a_path_never_leaves_the_span_between_its_keys(steps: list[tuple[float, float]], share: float) -> None:
    times = list(itertools.accumulate(step for step, _ in steps))
    values = [value for _, value in steps]
    at = min(times[0] + share * (times[-1] - times[0]), np.nextafter(times[-1], 0))

    after = next(index for index, time in enumerate(times) if time > at)
    low, high = sorted(values[after - 1 : after + 1])

    assert low - 1e-6 <= interpolate(times, values, at) <= high + 1e-6


def test_the_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    truth = Truth("abc", 30, 640, 480, ((), (TrueFace("olive", (-1.25, 2.5, 30.75, 40.0), 0.875),)))

    save_truth(truth, tmp_path)

    assert load_truth(tmp_path) == truth


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fps": 30, "frames": []}', '{"frames": [[["olive", [1, 2], 1]]]}'])
def test_a_file_that_is_no_truth_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / TRUTH).write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r".+"):
        load_truth(tmp_path)
