"""A room with zones and lines, faces that walk in it, and what is told of them."""

from collections.abc import Sequence

from tracker.zones import MARGIN, Places

from facewire.messages import FaceEvent, Point, Track, Tracks
from facewire.shapes import Area, Layout, Line
from tests.unit.scene import stamp

SIZE = (640, 480)
SIDE = 80.0
MARGIN_PX = MARGIN * SIDE
# From x = 160 to 480, y = 120 to 360.
PORCH = Area("porch", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
# From the top down at x = 320: the picture's right is to its left.
SILL = Line("sill", ((0.5, 0.1), (0.5, 0.9)))


class Room:
    """One camera and the faces in it."""

    def __init__(self, *zones: Area, lines: Sequence[Line] = (), size: tuple[int, int] = SIZE) -> None:
        self.places = Places({"door": Layout(zones, tuple(lines))})
        self.size = size
        self.index = 0
        self.events: list[FaceEvent] = []
        self.seen = Tracks("door", 0, stamp(0), ())

    def see(self, *tracks: Track, others: Sequence[FaceEvent] = (), late_ns: int = 0) -> list[FaceEvent]:
        self.index += 1
        seen = Tracks("door", self.index, stamp(self.index) + late_ns, tracks)
        self.seen, happened = self.places.watch(seen, self.size, others)
        self.events += happened
        return happened

    def walk(self, *points: Point, track_id: int = 1) -> list[FaceEvent]:
        return [event for point in points for event in self.see(at(*point, track_id=track_id))]

    def zones(self) -> dict[int, tuple[str, ...]]:
        return {track.id: track.zones for track in self.seen.tracks}


def at(x: float, y: float, *, track_id: int = 1, state: str = "confirmed", side: float = SIDE) -> Track:
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Track(track_id, box, 0.9, state, 10, (0.0, 0.0))  # type: ignore[arg-type]


def told(events: Sequence[FaceEvent]) -> list[tuple[str, str | None]]:
    return [(event.type, event.zone or event.direction) for event in events]
