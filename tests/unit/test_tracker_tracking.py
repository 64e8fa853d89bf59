"""One ID per face in every frame, however the detections come."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracker.story import State
from tracker.tracking import CameraTracker, Rules

from facewire.boxes import iou
from facewire.messages import Detections, Face, FaceEvent, Frame, Tracks
from facewire.metrics import Metrics
from tests.unit.scene import FIRST_NS, NOWHERE, Scene, Walker, stamp


def make(**rules: float) -> CameraTracker:
    return CameraTracker("door", Rules(**rules), count(1).__next__, Metrics("test"))  # type: ignore[arg-type]


def play(
    scene: Scene, tracker: CameraTracker, frames: int, *, every: int = 5, late: int = 1, jitter_px: float = 1.0
) -> Iterator[tuple[int, Tracks, list[FaceEvent]]]:
    """Run the tracker over a scene: detections of every Nth frame arrive some frames late."""
    for index in range(1, frames + 1):
        seen, events = tracker.see(scene.frame(index))
        assert seen is not None
        if index > late and (index - late) % every == 0:
            events += tracker.correct(scene.detections(index - late, jitter_px))
        yield index, seen, events


def ids_of(played: Iterator[tuple[int, Tracks, list[FaceEvent]]]) -> list[set[int]]:
    return [{track.id for track in seen.tracks if track.state != "tentative"} for _, seen, _ in played]


def worst_iou(scene: Scene, index: int, seen: Tracks) -> float:
    truth = np.array(scene.truth(index))
    return float(iou(truth, np.array([track.xyxy for track in seen.tracks])).max(axis=1).min())


def test_a_moving_face_keeps_its_id_and_its_box_between_detections() -> None:
    scene = Scene(Walker(60, 150, dx=3, dy=0.5))
    played = list(play(scene, make(), 120))
    assert {i for ids in ids_of(iter(played)) for i in ids} == {1}
    assert min(worst_iou(scene, index, seen) for index, seen, _ in played if index > 20) > 0.7


def test_a_detection_that_is_late_does_not_drag_the_box_back() -> None:
    scene = Scene(Walker(40, 150, dx=6))
    on_time, late = ([*play(scene, make(), 80, late=frames)][-1] for frames in (1, 10))
    assert worst_iou(scene, 80, late[1]) > 0.7
    assert worst_iou(scene, 80, late[1]) > worst_iou(scene, 80, on_time[1]) - 0.15


def test_two_faces_that_cross_keep_their_ids() -> None:
    scene = Scene(Walker(100, 150, dx=3), Walker(460, 170, dx=-3))
    last = {}
    for index, seen, _ in play(scene, make(), 120):
        if index in (40, 120):
            last[index] = {track.id: track.xyxy[0] for track in seen.tracks}
    assert set(last[40]) == set(last[120]) == {1, 2}
    for track_id in (1, 2):
        moved_right = last[120][track_id] > last[40][track_id]
        assert moved_right == (last[40][track_id] < 320)


def test_id_survives_three_missed_detections() -> None:
    scene, tracker, seen_ids = Scene(Walker(100, 150, dx=2)), make(), set()
    for index in range(1, 100):
        seen, _ = tracker.see(scene.frame(index))
        if index % 5 == 0 and index not in (40, 45, 50):
            tracker.correct(scene.detections(index))
        assert seen is not None
        seen_ids |= {track.id for track in seen.tracks}
    assert seen_ids == {1}


def test_a_face_appears_once_confirmed_and_leaves_after_the_coast() -> None:
    scene = Scene(Walker(200, 150, frames=range(60)))
    events = [(index, event) for index, _, happened in play(scene, make(coast_s=0.5), 100) for event in happened]
    assert [event.type for _, event in events] == ["appeared", "left"]
    (came, first), (went, second) = events
    assert came == 11
    # The last detection is of frame 55; a coast of half a second is 15 frames.
    assert 55 + 15 <= went <= 55 + 15 + 2
    assert first.track_id == second.track_id
    assert first.snapshot is not None
    assert first.id != second.id
    assert second.started_ns == first.started_ns < first.at_ns < second.at_ns


def test_a_face_seen_only_once_is_never_reported() -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    tracker.see(scene.frame(1))
    assert tracker.correct(scene.detections(1)) == []
    for index in range(2, 5):
        tracker.see(scene.frame(index))
        assert tracker.correct(Detections("door", index, stamp(index), "test", 1.0, ())) == []
    seen, events = tracker.see(scene.frame(5))
    assert seen is not None
    assert seen.tracks == ()
    assert events == []


def test_a_faint_detection_continues_a_face_and_starts_none() -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    tracker.see(scene.frame(1))
    tracker.correct(scene.detections(1, score=0.52))
    seen, _ = tracker.see(scene.frame(2))
    assert seen is not None
    assert seen.tracks == ()
    tracker.correct(scene.detections(2, score=0.9))
    for index in range(3, 60):
        seen, _ = tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index, score=0.55))
    assert seen is not None
    assert [track.state for track in seen.tracks] == ["confirmed"]


def test_the_cap_takes_the_largest_first_and_is_counted() -> None:
    walkers = [Walker(10 + 90 * column, 150, side=30 + 10 * column) for column in range(6)]
    scene, metrics = Scene(*walkers), Metrics("test")
    tracker = CameraTracker("door", Rules(max_faces=3), count(1).__next__, metrics)
    for index in range(1, 20):
        seen, _ = tracker.see(scene.frame(index))
        if index % 5 == 0:
            tracker.correct(scene.detections(index))
    assert seen is not None
    sides = sorted(round(track.xyxy[2] - track.xyxy[0]) for track in seen.tracks)
    assert sides == pytest.approx([60, 70, 80], abs=4)
    bitten = metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "face_cap"})
    assert bitten is not None
    assert bitten >= 3


def test_detections_that_come_before_their_frame_are_kept_for_it() -> None:
    scene, tracker = Scene(Walker(200, 150)), make(confirm_hits=1)
    tracker.see(scene.frame(1))
    assert tracker.correct(scene.detections(2)) == []
    _, events = tracker.see(scene.frame(2))
    assert [event.type for event in events] == ["appeared"]


def test_repeated_and_old_frames_are_counted_and_change_nothing() -> None:
    scene, metrics = Scene(Walker(200, 150)), Metrics("test")
    tracker = CameraTracker("door", Rules(), count(1).__next__, metrics)
    for index in (1, 2, 3, 3, 2):
        seen, _ = tracker.see(scene.frame(index))
    assert seen is None
    assert metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "out_of_order"}) == 1
    assert metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "repeated_frame"}) == 1


def test_a_camera_that_counts_from_one_again_is_followed_again() -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    for index in range(1000, 1010):
        tracker.see(scene.frame(index))
    again = scene.frame(1)
    seen, _ = tracker.see(Frame("door", 1, stamp(2000), again.width, again.height, again.encoding, again.data))
    assert seen is not None


def test_a_change_of_the_frame_size_is_survived() -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    for index in range(1, 12):
        tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index))
    small = Frame("door", 12, stamp(12), 320, 240, "gray8", bytes(320 * 240))
    seen, _ = tracker.see(small)
    assert seen is not None


strange_boxes = st.tuples(
    st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.001, 3000), st.floats(0.001, 3000)
).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))
strange_steps = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(-(10**9), 10**10),
        st.lists(st.tuples(strange_boxes, st.floats(0, 1)), max_size=8),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(strange_steps)
def test_no_order_of_frames_clock_or_boxes_makes_a_track_without_sense(
    steps: list[tuple[int, int, list[tuple[tuple[float, float, float, float], float]]]],
) -> None:
    tracker, random = make(confirm_hits=1), np.random.default_rng(3)
    pixels = random.integers(0, 255, 64 * 48, dtype=np.uint8).tobytes()
    for seq, offset_ns, faces in steps:
        captured_ns = FIRST_NS + offset_ns
        seen, events = tracker.see(Frame("door", seq, captured_ns, 64, 48, "gray8", pixels))
        events += tracker.correct(
            Detections("door", seq, captured_ns, "test", 1.0, tuple(Face(box, score, NOWHERE) for box, score in faces))
        )
        # The messages themselves refuse NaN, boxes without area and repeated ids.
        assert seen is None or len(seen.tracks) <= 5
        assert all(event.type in {"appeared", "left"} for event in events)


def led(scores: dict[int, float], **rules: float) -> tuple[list[list[tuple[int, State, bool]]], list[str]]:
    """Return what was shown after each frame, and told, where one face is detected in some frames with some scores."""
    scene, tracker, shown, told = Scene(Walker(200, 150)), make(**rules), [], []
    for index in range(1, max(scores) + 1):
        tracker.see(scene.frame(index))
        if index in scores:
            found = scene.detections(index, score=scores[index] or 0.9)
            events = tracker.correct(found if scores[index] else replace(found, faces=()))
            told += [str(event.type) for event in events]
        now = tracker.tracks(scene.frame(index))
        shown.append([(track.id, track.state, track.likely) for track in now.tracks])
    return shown, told


def test_a_face_is_likely_from_its_first_detection_and_appears_with_its_second() -> None:
    shown, told = led({1: 0.9, 5: 0.9})
    assert shown[0] == shown[3] == [(1, "tentative", True)]
    assert shown[4] == [(1, "confirmed", False)]
    assert told == ["appeared"]


def test_what_is_detected_once_is_nobody() -> None:
    shown, told = led({1: 0.9, 5: 0.0, 10: 0.9, 15: 0.0, 20: 0.9, 25: 0.0, 30: 0.0, 34: 0.0})
    # It is seen all the time, and may be a faint face; it never counts, since it is not detected twice in a row.
    assert {tuple(now) for now in shown[:33]} == {((1, "tentative", True),)}
    assert shown[33] == []
    assert told == []


def test_what_is_detected_once_and_not_seen_any_more_is_gone_at_once() -> None:
    scene, tracker = Scene(Walker(200, 150)), make()
    tracker.see(scene.frame(1))
    tracker.correct(scene.detections(1))
    tracker.see(Scene().frame(2))
    tracker.correct(replace(scene.detections(2), faces=()))
    assert tracker.tracks(scene.frame(2)).tracks == ()


def test_a_faint_face_is_followed_and_appears_once_it_was_seen_well() -> None:
    faint = dict.fromkeys(range(1, 101, 5), 0.6)
    shown, told = led(faint)
    assert {tuple(now) for now in shown} == {((1, "tentative", True),)}
    assert told == []
    # It is kept through what is missed, as everybody who was detected twice, and is the same in the end.
    shown, told = led(faint | {41: 0.0, 106: 0.75})
    assert shown[-1] == [(1, "confirmed", False)]
    assert told == ["appeared"]


def test_a_faint_face_takes_nobodys_place_and_makes_room() -> None:
    tracker, ids = make(max_faces=1), []
    small, large = Walker(100, 150, side=60), Walker(300, 150, side=160)
    first, second = Scene(small), Scene(large)
    for index, (scene, score) in enumerate([(first, 0.9), (first, 0.9), (second, 0.6), (first, 0.9)], start=1):
        tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index, score=score))
        ids.append({track.id for track in tracker.tracks(scene.frame(index)).tracks})
    assert ids == [{1}] * 4
    both, roomy = Scene(large, small), make(max_faces=1)
    for index, score in enumerate((0.6, 0.6), start=1):
        roomy.see(second.frame(index))
        roomy.correct(second.detections(index, score=score))
    roomy.see(both.frame(3))
    faces = both.detections(3).faces
    roomy.correct(replace(both.detections(3), faces=(replace(faces[0], score=0.6), faces[1])))
    assert [track.xyxy[0] for track in roomy.tracks(both.frame(3)).tracks] == [100.0]
