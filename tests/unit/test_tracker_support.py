"""No box is shown for long where the detector looks and finds no face."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from facewire.messages import Frame, Track
from tests.unit.doorway import LEFT_BY, Door, comer, left, opened, told
from tests.unit.scene import FIRST_NS, Scene, Walker

FAINT = 0.6


def shown_in(door: Door, frame: Frame) -> list[Track]:
    return [track for track in door.tracker.tracks(frame).tracks if track.state != "tentative" or track.likely]


def played(
    door: Door,
    scene: Scene,
    scores: dict[int, float],
    frames: Iterable[int],
    *,
    every: int = 5,
    late: int = 0,
    fps: int = 30,
) -> dict[int, list[Track]]:
    """Return what is shown after each frame; the detector looks at every Nth and finds the faces in some only."""
    shown = {}
    for index in frames:
        frame = replace(scene.frame(index), captured_ns=FIRST_NS + index * 1_000_000_000 // fps)
        door.tracker.see(frame)
        of = index - late
        if of > 0 and of % every == 0:
            found = scene.detections(of, score=scores.get(of, 0.9))
            door.tracker.correct(found if of in scores else replace(found, faces=()))
        shown[index] = shown_in(door, frame)
    return shown


def test_a_faint_face_is_shown_while_it_is_detected() -> None:
    scene = Scene(Walker(100, 150, dx=2))
    shown = played(opened(coast_s=1.0), scene, dict.fromkeys(range(5, 101, 5), FAINT), range(1, 101))
    assert all(len(shown[index]) == 1 for index in range(5, 101))


def test_a_faint_face_missed_once_stays_and_missed_twice_is_hidden() -> None:
    scene = Scene(Walker(100, 150, dx=2))
    scores = dict.fromkeys((5, 10, 20), FAINT)
    shown = played(opened(coast_s=1.0), scene, scores, range(1, 40))
    assert shown[15]
    assert shown[24]
    assert not any(shown[index] for index in range(30, 40))


@pytest.mark.parametrize("late", [0, 3, 10])
@pytest.mark.parametrize("score", [0.56, FAINT, 0.69])
def test_a_patch_detected_faintly_twice_is_not_carried_along(score: float, late: int) -> None:
    scene = Scene(Walker(60, 150, dx=3))
    shown = played(opened(coast_s=1.0), scene, {5: score, 10: score}, range(1, 150), late=late)
    assert not any(shown[index] for index in range(20 + late, 150))


@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize("best", [0.7, 0.75])
def test_one_good_detection_among_faint_ones_carries_no_face_along(best: float, late: int) -> None:
    scene = Scene(Walker(60, 150, dx=3))
    scores = {5: FAINT, 10: best, 15: FAINT, 20: FAINT}
    shown = played(opened(coast_s=1.0), scene, scores, range(1, 150), late=late)
    assert all(shown[index] for index in range(10 + late, 25))
    assert not any(shown[index] for index in range(35 + late, 150))


@pytest.mark.parametrize(("score", "stays"), [(FAINT, False), (0.9, True)], ids=["faint", "sure"])
def test_a_faint_face_without_visible_motion_is_hidden_before_the_next_look(score: float, *, stays: bool) -> None:
    door, scene = opened(coast_s=1.0), Scene(Walker(200, 150))
    played(door, scene, {5: score, 10: score}, range(1, 11))
    shown = []
    for index in range(11, 15):
        frame = scene.frame(index)
        frame = replace(frame, data=bytes(len(frame.data)))
        door.tracker.see(frame)
        shown.append(bool(shown_in(door, frame)))
    assert shown == [True, stays, stays, stays]


@pytest.mark.parametrize("score", [0.72, 0.9])
def test_a_face_that_the_detector_does_not_find_any_more_leaves(score: float) -> None:
    door, scene, last, told_at = opened(coast_s=1.0), Scene(Walker(100, 150, dx=2)), 30, dict[str, int]()
    for index in range(1, last + 60):
        events = door.tracker.see(scene.frame(index))[1]
        if index % 5 == 0:
            found = scene.detections(index, score=score)
            events += door.tracker.correct(found if index <= last else replace(found, faces=()))
        told_at |= {event.type: index for event in events}
    assert set(told_at) == {"appeared", "left"}
    assert last < told_at["left"] <= last + 32


def test_a_patch_that_moves_again_is_not_detected_anew() -> None:
    """It stirs, and looks as it did: only a good detection would have made it somebody to be searched for."""
    door, scene = opened(coast_s=0.5), Scene(Walker(60, 150, dx=3, tint=(0.3, 0.3, 1.0)))
    played(door, scene, {5: FAINT, 10: FAINT, 15: FAINT}, range(1, 120))
    assert door.gone() == []
    assert next(door.ids) == 2


@pytest.mark.parametrize("every", [1, 2, 5, 10, 15])
@pytest.mark.parametrize("fps", [10, 15, 30])
def test_a_good_face_without_support_is_shown_for_a_second_at_the_most(every: int, fps: int) -> None:
    scene = Scene(Walker(100, 150, dx=2))
    last = 2 * every * (15 // every)
    scores = dict.fromkeys(range(every, last + 1, every), 0.9)
    shown = played(opened(coast_s=1.0), scene, scores, range(1, last + 4 * fps), every=every, fps=fps)
    assert shown[last]
    assert not any(shown[index] for index in range(last + fps + 1, last + 4 * fps))


@pytest.mark.parametrize("looks", ["the detector finds nobody", "the detector does not look"])
def test_who_is_found_again_in_vain_is_shown_once_and_not_for_long(looks: str) -> None:
    door, back, empty = left(), Scene(comer(), Walker(0, 0, frames=range(0))), Scene()
    seen = door.watch(back, range(LEFT_BY, 160), empty if looks == "the detector finds nobody" else None)
    with_box = [each.index for each in seen if each.tracks]
    assert with_box
    # Until the second look, or for as long as a face is kept unseen; then never again.
    assert len(with_box) <= (10 if looks == "the detector finds nobody" else 16)
    assert with_box[-1] - with_box[0] < 20
    assert told(seen) == []


def test_who_was_found_again_in_vain_is_known_by_the_next_detection() -> None:
    door, back = left(), Scene(comer())
    door.watch(back, range(LEFT_BY, 90), Scene())
    again = Scene(comer(at=110))
    seen = door.watch(again, range(110, 150), again)
    assert {track for each in seen for track in each.tracks} == {1}
    assert [event.rsplit("-", 2)[0] for event in told(seen)] == ["door-1"]


def test_a_coasting_face_does_not_go_over_to_another_head() -> None:
    red, blue = (0.3, 0.3, 1.0), (1.0, 0.3, 0.3)
    leaves = Walker(200, 150, tint=red, frames=range(31))
    comes = Walker(210, 155, tint=blue, frames=range(36, 200))
    door, scene = opened(coast_s=1.0), Scene(leaves, comes)
    seen = door.watch(scene, range(1, 60), scene)
    assert set(seen[28].tracks) == {1}
    assert 1 not in seen[-1].tracks
    assert np.allclose(next(iter(seen[-1].tracks.values())).xyxy, comes.xyxy(59), atol=8)
