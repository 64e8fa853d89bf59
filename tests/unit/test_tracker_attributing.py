"""Who was taken for somebody who left gets an ID of their own, as soon as they are seen whole or together."""

import numpy as np
import pytest
from tracker.appearance import Looks
from tracker.table import chosen

from facewire.boxes import Boxes
from facewire.pixels import Picture
from tests.unit.doorway import LATE, LEFT_BY, PINK, PURPLE, comer, leaver, left, shown, told, turned_away
from tests.unit.scene import WIDTH, Scene, Walker


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
