"""Faces that flow loses are found again by what they looked like, and slow detections take nobody's place away."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from tracker.doubting import better_there
from tracker.history import History, Moment
from tracker.motion import BlindSource, View, view
from tracker.recalling import likeness, patches, recall
from tracker.tracking import CameraTracker, Rules

from facewire.boxes import iou, xyxy_to_cxcywh
from facewire.messages import Detections, Tracks
from facewire.metrics import Metrics
from facewire.pixels import picture
from tests.unit.scene import Scene, Walker, smooth

LATE = 10


class SleepingSource(BlindSource):
    """Should see motion, and never does."""

    sees = True

    def apart(self) -> "SleepingSource":
        return self


def make(**kwargs: object) -> CameraTracker:
    rules = Rules(coast_s=float(kwargs.pop("coast_s", 1.0)))  # type: ignore[arg-type]
    return CameraTracker("door", rules, count(1).__next__, Metrics("test"), **kwargs)  # type: ignore[arg-type]


def overlap(scene: Scene, index: int, seen: Tracks | None, face: int = 0) -> float:
    """Return how well the best track lies on a face; 0 where nobody is shown."""
    if seen is None or not seen.tracks:
        return 0.0
    return float(iou(np.array(scene.truth(index))[face : face + 1], np.array([t.xyxy for t in seen.tracks])).max())


def seen_at(scene: Scene, index: int) -> View:
    return view(picture(scene.frame(index)))


def everywhere(faces: int) -> np.ndarray:
    return np.full((faces, 2), 1.5)


def test_a_face_is_found_where_it_went() -> None:
    scene = Scene(Walker(200, 150, dx=7, dy=1, side=48))
    before, now = seen_at(scene, 1), seen_at(scene, 11)
    then, there = (xyxy_to_cxcywh(np.array(scene.truth(index))) for index in (1, 11))
    known = patches(before, np.array(scene.truth(1)))
    found = recall(now, known, then, everywhere(1), np.array([False]))
    assert found.found.all()
    assert found.place == pytest.approx(there, abs=1.5)
    assert likeness(now, known, there)[0] > 0.8
    assert likeness(now, known, then)[0] < 0.5


@pytest.mark.parametrize("emerging", [True, False])
def test_one_side_of_a_face_is_enough_for_who_comes_out_from_behind_something(*, emerging: bool) -> None:
    scene = Scene(Walker(200, 150, side=40), Walker(228, 120, side=110, frames=range(11, 20)))
    known = patches(seen_at(scene, 1), np.array(scene.truth(1)))
    place = xyxy_to_cxcywh(np.array(scene.truth(1)))
    found = recall(seen_at(scene, 11), known, place - np.array((20, 5, 0, 0)), everywhere(1), np.array([emerging]))
    assert found.found.tolist() == [emerging]
    if emerging:
        assert found.place == pytest.approx(place, abs=2)


def test_nobody_is_found_in_a_stranger_on_a_wall_or_outside_the_picture() -> None:
    scene, stranger = Scene(Walker(200, 150, side=48)), Scene(Walker(200, 150, side=48), seed=8)
    known = patches(seen_at(scene, 1), np.array(scene.truth(1)))
    place = xyxy_to_cxcywh(np.array(scene.truth(1)))
    flat = np.full_like(seen_at(scene, 1).gray, 90)
    for there in (seen_at(stranger, 1), View(flat, flat, 0.5)):
        assert not recall(there, known, place, everywhere(1), np.array([True])).found.any()
    assert not recall(seen_at(scene, 1), known, place + 900, everywhere(1), np.array([True])).found.any()
    # A flat patch would be like anything.
    assert not recall(seen_at(scene, 1), np.zeros_like(known), place, everywhere(1), np.array([True])).found.any()


def test_a_face_that_turns_is_followed_by_its_looks_where_flow_sees_nothing() -> None:
    there, back = Scene(Walker(60, 150, dx=4, side=48)), Scene(Walker(380, 150, dx=-4, side=48))
    tracker, turns = make(source=SleepingSource()), 40
    for index in range(1, turns + LATE):
        scene = there if index <= turns else back
        seen, _ = tracker.see(scene.frame(index))
        if index > 2 * LATE:
            assert overlap(scene, index, seen) > 0.7
        # None of these knows of the turn.
        if index > LATE and index % 5 == 0:
            tracker.correct(there.detections(index - LATE))


def test_who_comes_out_from_behind_a_pillar_is_seen_before_the_late_detections_say_so() -> None:
    scene, tracker = Scene(Walker(20, 150, dx=5, side=48), Walker(260, 130, side=80)), make()
    hidden_until = next(index for index in range(90) if scene.truth(index)[0][0] > 340)
    shown = {}
    for index in range(1, hidden_until + LATE):
        seen, _ = tracker.see(scene.frame(index))
        shown[index] = overlap(scene, index, seen)
        if index > LATE and index % 5 == 0:
            found = scene.detections(index - LATE)
            # A detector finds neither the pillar nor what is behind it.
            out = [face for face in found.faces[:1] if face.xyxy[2] < 265 or face.xyxy[0] > 335]
            tracker.correct(replace(found, faces=tuple(out)))
    assert min(shown[index] for index in range(hidden_until + 1, hidden_until + LATE)) > 0.8


def test_a_late_detection_of_half_a_face_does_not_move_a_box_that_is_right() -> None:
    scene, tracker = Scene(Walker(60, 150, dx=4, side=48)), make()
    for index in range(1, 60):
        seen, _ = tracker.see(scene.frame(index))
        if index > 40:
            assert overlap(scene, index, seen) > 0.8
        if index > LATE and index % 5 == 0:
            found = scene.detections(index - LATE)
            if index == 40:
                left, top, right, bottom = found.faces[0].xyxy
                half = replace(found.faces[0], xyxy=(left + 22, top, right, bottom))
                found = replace(found, faces=(half,))
            tracker.correct(found)


def test_a_detector_that_is_slower_than_the_coast_ends_nobody() -> None:
    scene, tracker = Scene(Walker(60, 150, dx=2)), make(coast_s=0.4)
    shown, slow = [], 14
    for index in range(1, 90):
        seen, _ = tracker.see(scene.frame(index))
        assert seen is not None
        shown.append({track.id for track in seen.tracks})
        if index > slow and index % 5 == 0:
            tracker.correct(scene.detections(index - slow))
    assert set.union(*shown) == {1}
    assert all(shown[slow + 5 :])


def test_a_face_is_followed_until_nothing_of_it_is_in_the_picture() -> None:
    scene, tracker = Scene(Walker(500, 150, dx=5)), make()
    last = 0
    for index in range(1, 60):
        tracker.see(scene.frame(index))
        if index % 5 == 0 and scene.truth(index)[0:1] and scene.truth(index)[0][2] < 640:
            tracker.correct(scene.detections(index))
        last = index if len(tracker._followed.table) else last
    # Its left edge passes the picture's in frame 28, its centre in frame 20.
    assert 26 <= last <= 31


def test_where_a_lost_face_was_meanwhile_is_filled_in() -> None:
    history, nothing = History(), np.zeros((8, 8), np.uint8)
    for seq in range(5):
        moment = Moment(seq, float(seq), View(nothing, nothing, 1.0), np.array([1, 2]), np.zeros((2, 4)))
        history.add(seq, moment)
    # Seen last at 2 s; at 6 s it turns up 40 px aside.
    history.bridge(np.array([2]), np.array([[40.0, 8.0, 5.0, 5.0]]), np.array([2.0]), 6.0)
    moments = history.since(0)
    assert [moment.place[1].tolist() for moment in moments[:3]] == [[0, 0, 0, 0]] * 3
    assert [moment.place[1].tolist() for moment in moments[3:]] == [[10, 2, 0, 0], [20, 4, 0, 0]]
    assert not any(moment.place[0].any() for moment in moments)


def goes_on_with(scene: Scene, face: Walker, other: Walker) -> bool:
    """Return whether a face that is detected, and then gone, is found in the other one."""
    tracker, truth = make(source=SleepingSource()), Scene(face)
    for index in range(1, 31):
        tracker.see(scene.frame(index))
        if index in (5, 10, 15, 20):
            tracker.correct(truth.detections(index))
    there = np.array([other.xyxy(30)])
    return bool(iou(there, tracker._followed.table.xyxy).max() > 0.7)


def hung(picture_px: np.ndarray, *, veil: float) -> np.ndarray:
    """Return a picture of a face as another sees it: some of it is noise."""
    noise = smooth(np.random.default_rng(2), picture_px.shape[0], picture_px.shape[1], grain=3)
    return np.asarray((1 - veil) * picture_px + veil * noise, np.uint8)


@pytest.mark.parametrize(
    ("veil", "dx", "expected"), [(0.36, 0.0, False), (0.36, 1.0, True), (0.0, 0.0, True)], ids=["wall", "moves", "sure"]
)
def test_a_lost_face_is_found_elsewhere_if_it_moves_or_looks_like_before_for_sure(
    veil: float, dx: float, *, expected: bool
) -> None:
    face = Walker(200, 150, side=60, frames=range(21))
    other = Walker(270 - 20 * dx, 150, side=60, dx=dx)
    scene = Scene(face, other)
    scene._faces[1] = hung(scene._faces[0], veil=veil)
    assert goes_on_with(scene, face, other) == expected


RED, BLUE = (0.2, 0.3, 0.9), (0.9, 0.4, 0.2)


@pytest.mark.parametrize(("tint", "expected"), [(RED, True), (BLUE, False)], ids=["its own", "others"])
def test_a_lost_face_is_found_elsewhere_in_its_own_colours_only(
    tint: tuple[float, float, float], *, expected: bool
) -> None:
    """In gray a stranger's shirt may look like half a face that is hidden just now."""
    face, other = Walker(200, 150, side=60, frames=range(21), tint=RED), Walker(250, 150, side=60, dx=1, tint=tint)
    scene = Scene(face, other)
    texture = scene._faces[0].max(axis=2, keepdims=True)
    scene._faces[1] = np.asarray(texture * np.array(tint), np.uint8)
    assert goes_on_with(scene, face, other) == expected


@pytest.mark.parametrize(
    ("off_px", "moved_px", "believed"),
    [((6, 3), (0, 0), True), ((6, 3), (20, 0), False), ((6, 3), (-30, 8), False), ((0, 0), (1, 0), False)],
)
def test_a_doubtful_detection_moves_a_face_to_where_it_looks_more_like_itself(
    off_px: tuple[float, float], moved_px: tuple[float, float], *, believed: bool
) -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    for index in (1, 2, 3):
        tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index))
    table, now, row = tracker._followed.table, seen_at(scene, 3), np.array([0])
    true = xyxy_to_cxcywh(np.array(scene.truth(3)))
    there = true + np.array((*moved_px, 0, 0))
    table.filter.place[row] = true + np.array((*off_px, 0, 0))
    assert better_there(table, now, row, there) == believed
    # Whose face is not known goes wherever it is detected.
    table.patch[row] = 0
    assert better_there(table, now, row, there)


def test_a_face_that_is_just_hidden_does_not_jump_to_a_late_doubtful_detection() -> None:
    scene, tracker = Scene(Walker(20, 150, dx=5, side=48), Walker(250, 130, side=90)), make()
    for index in range(1, 45):
        tracker.see(scene.frame(index))
        if index in range(6, 45, 5):
            tracker.correct(only_first(scene, index - 5))
    (before,) = tracker._followed.table.xyxy[:, 0]
    # A detector puts what it saw of it, half of the face, half a face too far to the left.
    found = only_first(scene, 39)
    left, top, right, bottom = found.faces[0].xyxy
    tracker.correct(replace(found, faces=(replace(found.faces[0], xyxy=(left - 24, top, right - 24, bottom)),)))
    # The filter gives in by as much as to any other; a jump would go as far as the detection, and on from there.
    (after,) = tracker._followed.table.xyxy[:, 0]
    assert before - 30 < after < before


def only_first(scene: Scene, index: int) -> Detections:
    found = scene.detections(index)
    return replace(found, faces=found.faces[:1])


@pytest.mark.parametrize(("score", "replaced"), [(0.93, True), (0.9, True), (0.86, False), (0.6, False)])
def test_what_is_searched_for_is_of_sure_detections_only(score: float, *, replaced: bool) -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    for index, its_score in ((1, 0.93), (2, score)):
        tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index, jitter_px=0.5, score=its_score))
    table, history = tracker._followed.table, tracker._followed.history
    assert len(table) == 1
    (of_second,) = patches(history.since(2)[0].view, np.array([scene.detections(2, jitter_px=0.5).faces[0].xyxy]))
    assert (table.patch[0] == of_second).all() == replaced
