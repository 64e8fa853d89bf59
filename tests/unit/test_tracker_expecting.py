"""Who left is followed again as soon as they are seen, and nobody is who is not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from tracker.appearance import Describer, Looks
from tracker.expecting import MOST_SEARCHES, Back, _asked
from tracker.recalling import PATCH_HEIGHT, PATCH_WIDTH
from tracker.table import TrackTable, chosen
from tracker.tracking import CameraTracker, Rules

from facewire.boxes import Boxes, iou
from facewire.messages import FaceEvent, Track
from facewire.metrics import Metrics
from facewire.pixels import Picture
from tests.unit.scene import WIDTH, Scene, Walker, smooth

RED, BLUE = (0.3, 0.3, 1.0), (1.0, 0.3, 0.3)
# Of other colours, and in gray like red but for the contrast.
PURPLE, PINK = (1.0, 0.3, 0.6), (1.0, 0.3, 0.79)
LEFT_BY, COMES_AT = 60, 70
LATE = 10


def leaver(tint: tuple[float, float, float] | None = RED) -> Walker:
    """Walks out of the picture at the right, until frame 34."""
    return Walker(440, 150, dx=6, tint=tint)


def comer(tint: tuple[float, float, float] | None = RED, at: int = COMES_AT) -> Walker:
    """Walks into the picture at the right, from frame `at` on: the same face, if as many were drawn before."""
    return Walker(WIDTH + 6 * at, 150, dx=-6, tint=tint)


NOBODY_YET = Walker(0, 0, frames=range(0), tint=RED)


@dataclass(frozen=True, slots=True)
class Door:
    """A tracker, what it counts, and the ids that it gives."""

    tracker: CameraTracker
    metrics: Metrics
    ids: Iterator[int]

    def watch(self, scene: Scene, frames: Iterable[int], told: Scene | None = None, *, late: int = 0) -> list["Seen"]:
        """Show frames of a scene; of every fifth come detections, of what another shows, some frames late."""
        seen = []
        for index in frames:
            tracks, events = self.tracker.see(scene.frame(index))
            assert tracks is not None
            if told and index % 5 == 0:
                events += self.tracker.correct(told.detections(index - late))
            shown = self.tracker.tracks(scene.frame(index)).tracks
            seen.append(Seen(index, {track.id: track for track in shown}, events))
        return seen

    def gone(self) -> list[int]:
        return [int(each) for each in self.tracker._followed.gone.table.id]

    def counted(self, what: str) -> float:
        return self.metrics.registry.get_sample_value("facewire_test_counted_total", {"what": what}) or 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was shown after a frame, by id, and told."""

    index: int
    tracks: dict[int, Track]
    events: list[FaceEvent]


def opened(describer: Describer | None = None, **rules: float) -> Door:
    metrics, ids = Metrics("test"), count(1)
    kept = Rules(**({"coast_s": 0.5} | rules))  # type: ignore[arg-type]
    return Door(CameraTracker("door", kept, ids.__next__, metrics, describer=describer), metrics, ids)


def left(describer: Describer | None = None, **rules: float) -> Door:
    """Return a door through which somebody has left, who was 1."""
    door = opened(describer, **rules)
    scene = Scene(leaver())
    door.watch(scene, range(1, LEFT_BY), scene)
    assert door.gone() == [1]
    return door


def told(seen: list[Seen]) -> list[str]:
    return [event.id for each in seen for event in each.events]


def shown(seen: list[Seen]) -> set[int]:
    return {track_id for each in seen for track_id in each.tracks}


def test_who_left_is_followed_again_before_any_detection_tells_of_it() -> None:
    door, back = left(), Scene(comer())
    seen = door.watch(back, range(LEFT_BY, 90))
    after = [each for each in seen if each.index >= 80]
    assert {tuple((t.id, t.state, t.likely) for t in each.tracks.values()) for each in after} == {
        ((1, "tentative", True),)
    }
    for each in after:
        assert iou(np.array(back.truth(each.index)), np.array([each.tracks[1].xyxy]))[0, 0] > 0.8
    assert told(seen) == []
    assert told(door.watch(back, range(90, 96), back)) == ["door-1-2-appeared"]


def test_half_a_face_at_the_edge_of_the_picture_is_enough() -> None:
    door, back = left(), Scene(comer())
    first = next(each.index for each in door.watch(back, range(LEFT_BY, 100)) if each.tracks)
    # All of the face that is searched for, without its outermost tenth, would be seen from here on.
    assert back.truth(first)[0][2] > WIDTH + 0.1 * 80 + 6


@pytest.mark.parametrize("like", ["the colours only", "the picture only"])
def test_a_stranger_is_not_taken_for_who_left(like: str) -> None:
    stranger = Scene(NOBODY_YET, comer()) if like == "the colours only" else Scene(comer(BLUE))
    door = left()
    assert not shown(door.watch(stranger, range(LEFT_BY, 110)))
    assert door.gone() == [1]


def test_nobody_comes_back_in_a_picture_on_the_wall_until_somebody_carries_it_about() -> None:
    hung, carried = Walker(300, 150, tint=RED), Walker(300 - 3 * 89, 150, dx=3, tint=RED)
    wall, about = Scene(leaver(), hung), Scene(leaver(), carried)
    for scene in (wall, about):
        scene._faces[1] = scene._faces[0]
    door = opened()
    door.watch(wall, range(1, LEFT_BY), Scene(leaver()))
    assert door.gone() == [1]
    assert not shown(door.watch(wall, range(LEFT_BY, 90)))
    # It is a picture in which they would be found.
    assert shown(door.watch(about, range(90, 97))) == {1}


class Hue:
    """Tells faces apart by how blue they are, against how red."""

    def describe(self, picture: Picture, xyxy: Boxes) -> Looks:
        looks = []
        for left_px, top_px, right_px, bottom_px in np.maximum(xyxy, 0).astype(int).tolist():
            blue, _, red = picture[top_px:bottom_px, left_px:right_px].reshape(-1, 3).mean(axis=0)
            looks.append(np.array((blue, red)) / np.hypot(blue, red))
        return np.array(looks, np.float32).reshape(-1, 2)


def test_who_was_taken_for_somebody_else_gets_an_id_of_their_own_once_seen_whole() -> None:
    door, stranger = left(Hue()), Scene(comer(PURPLE))
    assert shown(door.watch(stranger, range(LEFT_BY, 95))) == {1}
    seen = door.watch(stranger, range(95, 150), stranger)
    assert shown(seen) == {2}
    assert told(seen) == ["door-2-1-appeared"]
    assert door.counted("returns_taken_back") == 1
    assert door.gone() == [1]
    # While the stranger is there, the other comes in.
    both = Scene(comer(at=150), stranger._walkers[0])
    both._faces[1] = stranger._faces[0]
    assert shown(door.watch(both, range(150, 170), stranger)) == {1, 2}


@pytest.mark.parametrize("first", [80, 85])
def test_nobody_counts_as_who_left_before_they_were_seen_whole(first: int) -> None:
    """Frames 80 and 85 show them at the edge."""
    door, stranger = left(Hue()), Scene(comer(PURPLE))
    door.watch(stranger, range(LEFT_BY, first))
    assert told(door.watch(stranger, range(first, 110), stranger)) == ["door-2-1-appeared"]
    assert door.gone() == [1]


def test_a_half_seen_face_that_is_taken_for_who_left_does_not_count_as_them_either() -> None:
    door, stranger = left(Hue()), Scene(comer(PURPLE))
    # At the edge, and detected before they are found.
    assert shown(door.watch(turned_away(stranger), range(LEFT_BY, 82), stranger)) == {2}
    assert shown(door.watch(stranger, range(82, 85))) == {1}
    assert told(door.watch(stranger, range(85, 110), stranger)) == ["door-3-1-appeared"]


def test_a_late_detection_makes_nobody_count_as_who_left() -> None:
    door, stranger = left(Hue()), Scene(comer(PURPLE))
    door.watch(turned_away(stranger), range(LEFT_BY, 94))
    assert shown(door.watch(stranger, range(94, 100))) == {1}
    assert told(door.watch(stranger, range(100, 130), stranger, late=LATE)) == ["door-2-1-appeared"]


def test_who_was_seen_together_with_somebody_is_not_who_left() -> None:
    # Somebody a little like the twins has left, so that the second is looked at for a while before they count.
    first = Walker(WIDTH - 40 - 4 * 140, 250, dx=4, frames=range(60, 200), tint=PINK)
    second = Walker(-180, 50, dx=2, frames=range(125, 200), tint=PINK)
    door, twins = left(Hue()), Scene(leaver(), first, second)
    twins._faces[2] = twins._faces[1]
    door.watch(twins, range(LEFT_BY, 140), twins)
    assert set(door.tracker._followed.table.id) == {2, 3}
    door.watch(twins, range(140, 150), twins)
    assert shown(door.watch(twins, range(150, 160), twins)) == {3}
    assert door.gone() == [1, 2]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [("visit", 1, True), ("visit", 2, False), ("look", (1, 0), False), ("begun_s", 0.0, False)],
)
def test_an_unconfirmed_face_is_who_left_unless_it_is_unlike_or_known(
    column: str, value: object, *, expected: bool
) -> None:
    door = left(Hue())
    followed = door.tracker._followed
    face = chosen(followed.gone.table, np.array([True]))
    face.id[:], face.begun_s[:], face.confirmed[:] = 2, followed.now_s, False
    getattr(face, column)[:] = value
    followed.begin(face)
    assert door.tracker._people._may_be(np.array([0]), 0) == expected


def test_who_came_back_and_is_lost_before_that_is_settled_may_come_back_once_more() -> None:
    door = left()
    followed = door.tracker._followed
    known = followed.gone.take(0)
    known.confirmed[:], known.visit[:] = False, 2
    followed.begin(known)
    followed.keep(np.array([False]))
    assert door.gone() == [1]


@pytest.mark.parametrize("hits", [1, 2, 3])
def test_nobody_counts_who_was_found_again_and_never_detected(hits: int) -> None:
    door = left(confirm_hits=hits)
    back, nobody = Scene(comer()), Scene()
    seen = door.watch(back, range(LEFT_BY, 110), nobody)
    assert shown(seen) == {1}
    assert told(seen) == []


@pytest.mark.parametrize("hits", [1, 2])
def test_who_is_not_confirmed_by_detections_is_gone_again_and_may_still_come_back(hits: int) -> None:
    door, back, nobody = left(coast_s=2.0, confirm_hits=hits), Scene(comer()), Scene()
    assert shown(door.watch(back, range(LEFT_BY, 90))) == {1}
    seen = door.watch(nobody, range(90, 110), nobody)
    # With the first detections that do not tell of them, long before a face would end that counts.
    assert not any(each.tracks for each in seen)
    assert told(seen) == []
    assert door.gone() == [1]
    again = Scene(comer(at=120))
    assert shown(door.watch(again, range(110, 150), again)) == {1}
    assert next(door.ids) == 2


def turned_away(scene: Scene) -> Scene:
    """Return the same people in the same places, whom a detector finds and nobody recognizes."""
    turned = Scene(*scene._walkers)
    random = np.random.default_rng(5)
    for at, face in enumerate(scene._faces):
        turned._faces[at] = face // 2 + smooth(random, len(face), face.shape[1], grain=5)[..., None] // 2
    return turned


def test_a_late_detection_from_before_somebody_was_found_again_is_theirs() -> None:
    door, back = left(), Scene(comer())
    assert not shown(door.watch(turned_away(back), range(LEFT_BY, 94)))
    assert shown(door.watch(back, range(94, 100))) == {1}
    # Of frame 90, in which a detector saw them already.
    (seen,) = door.watch(back, [100], back, late=LATE)
    assert set(seen.tracks) == {1}
    assert seen.tracks[1].score > 0
    assert next(door.ids) == 2
    # They were there then, for whatever else is learned of that frame.
    assert 1 in door.tracker._followed.history.since(90)[0].ids


def test_who_comes_back_takes_nobodys_place() -> None:
    other = Walker(100, 200, frames=range(40, 300), tint=BLUE)
    scene, only_other = Scene(leaver(), other), Scene(NOBODY_YET, other)
    for most, expected in ((1, {2}), (2, {1, 2})):
        door = opened(max_faces=most)
        door.watch(scene, range(1, 80), scene)
        assert door.gone() == [1]
        assert shown(door.watch(Scene(comer(), other), range(80, 110), only_other)) == expected


def test_of_two_who_are_alike_nobody_comes_back_before_a_detection_tells_who() -> None:
    twins = Scene(leaver(), Walker(100, 150, frames=range(30), tint=RED))
    twins._faces[1] = twins._faces[0]
    door = opened()
    door.watch(twins, range(1, LEFT_BY), twins)
    assert sorted(door.gone()) == [1, 2]
    assert not shown(door.watch(Scene(comer()), range(LEFT_BY, 110)))


@pytest.mark.parametrize("people", [1, 2, 5])
@pytest.mark.parametrize("regions", [1, 2, 3, 4])
def test_who_is_searched_for_where_takes_turns(people: int, regions: int) -> None:
    size = np.array((30.0, 40.0))
    gone = TrackTable(
        id=np.arange(people),
        patch=np.ones((people, PATCH_HEIGHT, PATCH_WIDTH), np.uint8),
        patch_size=np.tile(size, (people, 1)),
    )
    left_px = 100.0 * np.arange(regions)[:, None]
    stirs = np.concatenate((left_px, left_px, left_px + size), axis=1)
    turns = [[(row, int(where[0])) for row, where in _asked(gone, stirs, turn)] for turn in range(people * regions)]
    assert max(map(len, turns)) <= MOST_SEARCHES
    assert all(len(set(turn)) == len(turn) for turn in turns)
    everything = {(row, 100 * region) for row in range(people) for region in range(regions)}
    assert {pair for turn in turns for pair in turn} == everything


def test_turns_are_of_searches_not_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of numbers that are all even, half of the people would have none."""
    door, turns = left(), list[int]()

    def nobody_back(*asked: Any) -> list[Back]:
        turns.append(asked[-1])
        return []

    monkeypatch.setattr("tracker.people.come_back", nobody_back)
    door.watch(Scene(comer()), range(LEFT_BY, 80, 2))
    assert np.diff(turns).tolist() == [1] * 9


@pytest.mark.parametrize("who", range(6))
def test_each_of_many_who_left_is_found_again(who: int) -> None:
    crowd = [Walker(20 + 103 * column, 100, tint=RED) for column in range(6)]
    door, there = opened(max_faces=6), Scene(*crowd)
    door.watch(there, range(1, 31), there)
    door.watch(Scene(replace(NOBODY_YET, tint=RED)), range(31, 60))
    assert sorted(door.gone()) == [1, 2, 3, 4, 5, 6]
    back = [replace(one, frames=range(60, 200) if at == who else range(0), dx=-4.3) for at, one in enumerate(crowd)]
    moved = Scene(*(replace(one, x=400 + 4.3 * 60) for one in back))
    seen = door.watch(moved, range(60, 90))
    (found,) = shown(seen)
    # Ids are given from the largest, and of like ones from the first.
    assert found == who + 1
