"""Who left and comes back is the same person again, who crossed stays who they were, and strangers stay strangers."""

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest
from tracker.appearance import ColourParts
from tracker.returning import recognized
from tracker.tracking import CameraTracker, Rules

from facewire.messages import FaceEvent, Tracks
from facewire.metrics import Metrics
from tests.unit.scene import Scene, Walker

RED, GREEN, BLUE = (0.3, 0.3, 1.0), (0.3, 1.0, 0.3), (1.0, 0.3, 0.3)


def make(metrics: Metrics | None = None, **rules: float) -> CameraTracker:
    return CameraTracker("door", Rules(**rules), count(1).__next__, metrics or Metrics("test"))  # type: ignore[arg-type]


def play(scene: Scene, tracker: CameraTracker, frames: int) -> Iterator[tuple[int, Tracks, list[FaceEvent]]]:
    for index in range(1, frames + 1):
        seen, events = tracker.see(scene.frame(index))
        if index % 5 == 0:
            events += tracker.correct(scene.detections(index, jitter_px=1.0))
        assert seen is not None
        yield index, seen, events


def story(scene: Scene, tracker: CameraTracker, frames: int) -> list[tuple[str, int, str]]:
    return [(event.type, event.track_id, event.id) for _, _, events in play(scene, tracker, frames) for event in events]


def test_who_comes_back_gets_the_same_id_and_a_new_visit() -> None:
    there, back = Walker(200, 100, frames=range(40), tint=RED), Walker(420, 150, frames=range(100, 200), tint=RED)
    told = story(Scene(there, back), make(coast_s=0.5), 130)
    assert told == [
        ("appeared", 1, "door-1-1-appeared"),
        ("left", 1, "door-1-1-left"),
        ("appeared", 1, "door-1-2-appeared"),
    ]


def test_a_stranger_who_comes_later_gets_an_id_of_their_own() -> None:
    there, stranger = Walker(200, 100, frames=range(40), tint=RED), Walker(200, 100, frames=range(100, 200), tint=BLUE)
    told = story(Scene(there, stranger), make(coast_s=0.5), 130)
    assert [each[0] for each in told] == ["appeared", "left", "appeared"]
    assert told[0][1] != told[2][1]


@pytest.mark.parametrize("within_s", [0.0, 0.5])
def test_who_comes_back_too_late_is_somebody_new(within_s: float) -> None:
    there, back = Walker(200, 100, frames=range(40), tint=RED), Walker(420, 150, frames=range(120, 200), tint=RED)
    told = story(Scene(there, back), make(coast_s=0.5, return_within_s=within_s), 150)
    assert len({track_id for kind, track_id, _ in told if kind == "appeared"}) == 2


def test_two_alike_who_are_visible_at_once_are_two() -> None:
    scene = Scene(Walker(100, 100, tint=RED), Walker(420, 100, frames=range(30, 300), tint=RED), seed=3)
    last = [*play(scene, make(), 90)][-1][1]
    assert len({track.id for track in last.tracks}) == 2


def test_when_one_of_two_alike_is_back_nobody_is_taken_for_the_other_without_a_margin() -> None:
    looks = ColourParts().describe(np.full((200, 200, 3), 90, np.uint8), np.array([(20.0, 20.0, 60.0, 60.0)] * 2))
    allowed = np.ones((2, 1), bool)
    assert recognized(looks, looks[:1], allowed) == []
    assert recognized(looks[:1], looks[:1], allowed[:1]) == [(0, 0)]


def test_people_who_were_mixed_up_in_a_crossing_get_their_names_back() -> None:
    left, right = Walker(60, 120, tint=RED), Walker(190, 120, tint=GREEN)
    scene, metrics = Scene(left, right), Metrics("test")
    tracker = make(metrics)
    names: dict[float, int] = {}
    for _, seen, _ in play(scene, tracker, 20):
        names = {track.xyxy[0]: track.id for track in seen.tracks}
    first, second = names[min(names)], names[max(names)]
    # They met, and the tracker took each for the other.
    tracker._followed.exchange(first, second)
    tracker._followed.table.mixed[:] = True
    for index in range(21, 40):
        now, _ = tracker.see(scene.frame(index))
        if index % 5 == 0:
            tracker.correct(scene.detections(index))
    assert now is not None
    names = {track.xyxy[0]: track.id for track in now.tracks}
    assert (names[min(names)], names[max(names)]) == (first, second)
    sorted_out = metrics.registry.get_sample_value("facewire_test_counted_total", {"what": "ids_sorted_out"})
    assert sorted_out == 1


def test_who_comes_back_behind_somebody_is_never_shown_as_somebody_new() -> None:
    there = Walker(60, 100, frames=range(40), tint=RED)
    # The same face and clothes, since the pattern is drawn by lot in the order of walkers.
    back = Walker(460, 100, dx=-2, frames=range(70, 200), tint=RED)
    hides = Walker(330, 200, side=90, frames=range(200), tint=BLUE)
    shown = set()
    for index, seen, _ in play(Scene(there, back, hides), make(coast_s=0.5), 150):
        if index >= 70:
            shown |= {track.id for track in seen.tracks if track.state != "tentative" or track.likely}
    assert len(shown) == 2
    assert shown == {track.id for track in seen.tracks}
