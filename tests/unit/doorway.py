"""A doorway through which people leave and come back, and what a tracker makes of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from tracker.appearance import Describer
from tracker.tracking import CameraTracker, Rules

from facewire.messages import FaceEvent, Track
from facewire.metrics import Metrics
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


def turned_away(scene: Scene) -> Scene:
    """Return the same people in the same places, whom a detector finds and nobody recognizes."""
    turned = Scene(*scene._walkers)
    random = np.random.default_rng(5)
    for at, face in enumerate(scene._faces):
        turned._faces[at] = face // 2 + smooth(random, len(face), face.shape[1], grain=5)[..., None] // 2
    return turned
