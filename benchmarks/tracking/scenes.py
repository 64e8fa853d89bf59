"""Who walks how in the composed clips: choreographies drawn by lot, the same for the same seed.

Faces of one row cross in front of each other as people do: who is nearer is larger and hides the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from capture.demo.cast import CAST
from capture.demo.choreography import FPS, HORIZON_PX, WIDTH_PX, Key

SECONDS = 8.0
COST_SECONDS = 3.0
OUT_PX = 190.0
"""So far outside the picture nothing of anybody in these scenes is seen."""

THREE_ROWS = (165, 288, HORIZON_PX)

Range = tuple[float, float]
Visit = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Actor:
    """One person of a scene.

    Args:
        look: place in the cast; from its length on, the same people mirrored and in a darker light.
        visits: when and where they are to be seen.
        row: behind which of the scene's ledges.
    """

    look: int
    visits: tuple[Visit, ...]
    row: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """One clip to compose.

    Args:
        name: of the clip.
        actors: who is in it.
        fps: frames a second.
        seconds: how long it is.
        ledges_px: top edges of what the rows stand behind, from the far one to the near one.
        pillars_px: left and right edges of what stands in front of everybody.
        pan: where the camera's left edge is in the room, as the x of keys; it rests at 0 where there is none.
    """

    name: str
    actors: tuple[Actor, ...]
    fps: int = FPS
    seconds: float = SECONDS
    ledges_px: tuple[int, ...] = (HORIZON_PX,)
    pillars_px: tuple[tuple[int, int], ...] = ()
    pan: Visit = ()


class Lots:
    """Draws by lot."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)

    def between(self, limits: Range) -> float:
        """Return a number between two."""
        return float(self._chance.uniform(*limits))

    def shuffled(self, count: int) -> list[int]:
        """Return 0..count-1 in any order."""
        return [int(each) for each in self._chance.permutation(count)]

    def stroll(self, lane_px: Range, height_px: float, leg_px: Range, leg_s: Range, seconds: float) -> Visit:
        """Walk to and fro in a lane, each time by `leg_px` in `leg_s`, for the whole clip."""
        at_s, x_px = 0.0, self.between(lane_px)
        keys = [Key(at_s, x_px, height_px)]
        while at_s <= seconds:
            at_s += self.between(leg_s)
            step = self.between(leg_px) * (1 if self.between((0, 1)) < 0.5 else -1)
            step = step if lane_px[0] <= x_px + step <= lane_px[1] else -step
            x_px = float(np.clip(x_px + step, *lane_px))
            keys.append(Key(at_s, x_px, height_px * self.between((0.95, 1.05))))
        return tuple(keys)


def slow(seed: int) -> Scene:
    """Return four people who hardly move, and do not meet."""
    lots = Lots(seed)
    looks = lots.shuffled(len(CAST))[:4]
    lanes = lanes_px(4, 45)
    return Scene(
        "slow",
        tuple(
            Actor(look, (lots.stroll(lane, lots.between((60, 82)), (15, 60), (1.0, 2.0), SECONDS),))
            for look, lane in zip(looks, lanes, strict=True)
        ),
    )


def fast(seed: int) -> Scene:
    """Return five people who run: up to 450 px a second, eight times a face's width."""
    return Scene("fast", _runners(Lots(100 + seed), (0.9, 1.3)), ledges_px=THREE_ROWS)


def fifteen_fps(seed: int) -> Scene:
    """Return five people in a hurry, filmed at half the rate."""
    return Scene("15fps", _runners(Lots(200 + seed), (1.2, 1.8)), fps=15, ledges_px=THREE_ROWS)


def crossing(seed: int) -> Scene:
    """Return two pairs of people who walk up and down the room and pass each other all the time."""
    lots = Lots(300 + seed)
    looks = lots.shuffled(len(CAST))[:4]
    far, near = _walkers(lots, looks[:2], (50, 58)), _walkers(lots, looks[2:], (66, 76), row=1)
    return Scene("crossing", (*far, *near), ledges_px=(215, HORIZON_PX))


def occlusion(seed: int) -> Scene:
    """Return three people who walk behind two pillars and behind each other."""
    lots = Lots(400 + seed)
    looks = lots.shuffled(len(CAST))[:3]
    return Scene("occlusion", _walkers(lots, looks, (60, 68, 77)), pillars_px=((165, 245), (405, 485)))


def leave_and_return(seed: int) -> Scene:
    """Return three people who go out of the picture and come back after 1 to 2.5 seconds, on either side."""
    lots = Lots(500 + seed)
    looks = lots.shuffled(len(CAST))[:3]
    spots = lanes_px(3, 40)
    actors = [
        Actor(look, tuple(_outings(lots, spot, height, 0.6 + 1.1 * turn)))
        for turn, (look, spot, height) in enumerate(zip(looks, spots, (64, 72, 80), strict=True))
    ]
    return Scene("leave", tuple(actors))


def pan(seed: int) -> Scene:
    """Return four people who stroll while the camera turns to and fro."""
    lots = Lots(600 + seed)
    looks = lots.shuffled(len(CAST))[:4]
    lanes = [(low + 190, high + 190) for low, high in lanes_px(4, 40)]
    actors = [
        Actor(look, (lots.stroll(lane, lots.between((58, 78)), (15, 70), (0.9, 1.8), SECONDS),))
        for look, lane in zip(looks, lanes, strict=True)
    ]
    return Scene("pan", tuple(actors), pan=lots.stroll((110, 290), 1, (90, 180), (0.7, 1.2), SECONDS))


def twelve(seed: int) -> Scene:
    """Return twelve faces in two rows."""
    return crowd(Lots(700 + seed), "12faces", 12, SECONDS)


def crowd(lots: Lots, name: str, count: int, seconds: float) -> Scene:
    """Return as many faces as wanted, up to seven a row."""
    ledges = {1: (HORIZON_PX,), 2: (228, HORIZON_PX), 3: (150, 278, HORIZON_PX)}[-(-count // 7)]
    heights = {1: (56, 70), 2: (46, 56), 3: (37, 42)}[len(ledges)]
    actors = []
    for row in range(len(ledges)):
        there = [look for look in range(count) if look % len(ledges) == row]
        for look, lane in zip(there, lanes_px(len(there), 26 if count > 7 else 40), strict=True):
            walk = lots.stroll(lane, lots.between(heights), (10, 45), (0.8, 1.8), seconds)
            actors.append(Actor(look, (walk,), row))
    return Scene(name, tuple(actors), seconds=seconds, ledges_px=ledges)


SCENES: dict[str, Callable[[int], Scene]] = {
    "slow": slow,
    "fast": fast,
    "crossing": crossing,
    "occlusion": occlusion,
    "leave": leave_and_return,
    "pan": pan,
    "15fps": fifteen_fps,
    "12faces": twelve,
}


def lanes_px(count: int, half: float) -> list[Range]:
    """Divide the picture's width into lanes; each reaches `half` to both sides of its middle."""
    middles = np.linspace(0, WIDTH_PX, 2 * count + 1)[1::2]
    return [(float(middle) - half, float(middle) + half) for middle in middles]


def _runners(lots: Lots, leg_s: Range) -> tuple[Actor, ...]:
    """Return people who run in three rows; two of a row share the middle of their ways."""
    looks = lots.shuffled(len(CAST))[:5]
    rows, heights = (0, 1, 1, 2, 2), (50, 52, 58, 56, 64)
    left, right, whole = (60.0, 380.0), (260.0, 580.0), (60.0, 580.0)
    lanes = (whole, left, right, left, right)
    return tuple(
        Actor(look, (lots.stroll(lane, height, (140, 300), leg_s, SECONDS),), row)
        for look, row, height, lane in zip(looks, rows, heights, lanes, strict=True)
    )


def _walkers(lots: Lots, looks: Sequence[int], heights: Sequence[float], row: int = 0) -> tuple[Actor, ...]:
    """Return people of one row who walk from side to side, half of them starting on either."""
    return tuple(
        Actor(look, (_lengths(lots, height, starts_left=turn % 2 == 0),), row)
        for turn, (look, height) in enumerate(zip(looks, heights, strict=True))
    )


def _lengths(lots: Lots, height: float, *, starts_left: bool) -> Visit:
    sides = ((50.0, 160.0), (WIDTH_PX - 160.0, WIDTH_PX - 50.0))
    at_s, left = -lots.between((0, 1)), starts_left
    keys: list[Key] = []
    while not keys or keys[-1].at_s <= SECONDS:
        keys.append(Key(at_s, lots.between(sides[0 if left else 1]), height * lots.between((0.98, 1.02))))
        left = not left
        at_s += lots.between((2.2, 3.6))
    return tuple(keys)


def _outings(lots: Lots, spot: Range, height: float, first_s: float) -> list[Visit]:
    """Return visits between which somebody is outside; they always come back to their place."""
    visits, at_s, start = [], 0.0, [Key(0.0, lots.between(spot), height)]
    leaves_s = first_s
    while at_s <= SECONDS:
        exit_px, entry_px = (-OUT_PX if lots.between((0, 1)) < 0.5 else WIDTH_PX + OUT_PX for _ in range(2))
        here = start[-1].x_px
        walk_s = abs(exit_px - here) / 220
        visits.append((*start, Key(leaves_s, here, height), Key(leaves_s + walk_s, exit_px, height)))
        at_s = leaves_s + walk_s + lots.between((0.3, 1.2))
        back = lots.between(spot)
        arrives_s = at_s + abs(entry_px - back) / 220
        start = [Key(at_s, entry_px, height), Key(arrives_s, back, height)]
        leaves_s = arrives_s + lots.between((0.8, 1.6))
    return [visit for visit in visits if all(a.at_s < b.at_s for a, b in pairwise(visit))]
