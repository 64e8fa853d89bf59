"""Who left is followed again as soon as they are seen, and nobody is who is not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tracker.expecting import MOST_SEARCHES, Back, _asked
from tracker.recalling import PATCH_HEIGHT, PATCH_WIDTH
from tracker.table import TrackTable

from facewire.boxes import iou
from tests.unit.doorway import (
    BLUE,
    LATE,
    LEFT_BY,
    NOBODY_YET,
    RED,
    comer,
    leaver,
    left,
    opened,
    shown,
    told,
    turned_away,
)
from tests.unit.scene import WIDTH, Scene, Walker


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
