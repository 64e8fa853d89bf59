"""Tell which zones the faces of each camera are in, and which lines they cross.

A face is where its box's centre is: what is drawn over the picture is where faces pass, not where feet stand, and the
centre trembles half as much as an edge. Two rules keep a face on a border from flapping: it is in a zone from the
moment its centre is inside, until it is outside by more than a margin; and it has crossed a line only once it is beyond
by that margin. The margin grows with the face, as a detector's tremble does. A face that is not seen right now
(`coasting`) stays where it was last seen: a guess enters nothing and crosses nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.messages import FaceEvent, Point, Track, Tracks
from facewire.shapes import Layout, Line, Polygon, RelativePoint

MARGIN = 0.1
"""Of the face's height."""
NS_PER_S = 1_000_000_000
Contour = NDArray[np.float32]
"""(N, 1, 2) px."""
Segment = tuple[Point, Point]
"""px."""
Kind = Literal["entered", "left_zone", "crossed"]


def contour(polygon: Polygon, size: tuple[int, int]) -> Contour:
    """Return a polygon in a picture of a size, (width, height) px."""
    return (np.array(polygon) * size).astype(np.float32).reshape(-1, 1, 2)


def segment(ends: tuple[RelativePoint, RelativePoint], size: tuple[int, int]) -> Segment:
    """Return a line in a picture of a size, (width, height) px."""
    (x, y), (end_x, end_y) = ends
    return (x * size[0], y * size[1]), (end_x * size[0], end_y * size[1])


def depth_px(area: Contour, point: Point) -> float:
    """Return how deep inside an area a point is; negative: how far outside."""
    return float(cv2.pointPolygonTest(area, point, measureDist=True))


def step_over(line: Segment, before: Point, after: Point) -> int:
    """Return how a step crosses a line: 1 to its right, -1 to its left, 0 not at all.

    Whoever is on the line counts as to its right, so that a walk through a point on it crosses once.
    """
    first, second = line
    was_right, is_right = _side(first, second, before) >= 0, _side(first, second, after) >= 0
    if was_right == is_right or (_side(before, after, first) >= 0) == (_side(before, after, second) >= 0):
        return 0
    return 1 if is_right else -1


def distance_px(line: Segment, point: Point) -> float:
    """Return how far a point is from a line's nearest point."""
    (x, y), (end_x, end_y) = line
    dx, dy = end_x - x, end_y - y
    length = dx * dx + dy * dy
    along = min(1.0, max(0.0, ((point[0] - x) * dx + (point[1] - y) * dy) / length)) if length else 0.0
    return hypot(point[0] - x - along * dx, point[1] - y - along * dy)


def _side(first: Point, second: Point, point: Point) -> float:
    # Of pictures, whose y points down: positive to the right of who looks from the first point at the second.
    return (second[0] - first[0]) * (point[1] - first[1]) - (second[1] - first[1]) * (point[0] - first[0])


@dataclass(slots=True)
class _Walk:
    """One face: since when, as what it was seen last, and where; its zones since when, and steps not yet told."""

    started_ns: int
    track: Track
    at: Point | None = None
    entered_ns: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Step:
    """How a face came from where it was seen last to where it is, and how far it must be from a border."""

    before: Point
    now: Point
    margin_px: float
    at_ns: int


class Places:
    """The zones and lines of all cameras, and the faces among them.

    Args:
        layouts: what is marked in each camera's picture.
    """

    def __init__(self, layouts: Mapping[str, Layout]) -> None:
        self._layouts = layouts
        self._watches: dict[str, _CameraPlaces] = {}

    def mark(self, layouts: Mapping[str, Layout]) -> None:
        """Take in what is marked now: with the next frame, faces leave the zones that are no more and enter new ones.

        Where a zone was only moved, whoever is still inside, or beside it by no more than the margin, stays.
        """
        if layouts is self._layouts:
            return
        self._layouts = layouts
        for name, watch in self._watches.items():
            watch.mark(layouts.get(name, Layout()))

    def watch(
        self, seen: Tracks, size: tuple[int, int], happened: Sequence[FaceEvent], hidden: Collection[int] = ()
    ) -> tuple[Tracks, list[FaceEvent]]:
        """Take in the tracks of a frame.

        Args:
            seen: the tracks.
            size: the frame's width and height in px.
            happened: what else has happened in this frame.
            hidden: ids of faces that are followed and not among the tracks; they stay in their zones.

        Returns:
            The tracks with the zones that they are in, and all events in the order of the story: a face leaves its
            zones before it leaves, and enters them after it appeared.
        """
        watch = self._watches.get(seen.camera)
        if watch is None:
            # Where nothing is marked, too: something may be, while faces are there.
            watch = _CameraPlaces(seen.camera, self._layouts.get(seen.camera, Layout()))
            self._watches[seen.camera] = watch
        placed, told = watch.watch(seen, size, hidden)
        leaving = [event for event in told if event.type == "left_zone"]
        happened = [replace(event, zones=_zones(event, placed, leaving)) for event in happened]
        return placed, [*leaving, *happened, *(event for event in told if event.type != "left_zone")]

    def shift(self, camera: str, jump_ns: int) -> None:
        """Shift the start times of stays after a clock jump."""
        if jump_ns and camera in self._watches:
            self._watches[camera].shift(jump_ns)

    def end(self, camera: str, happened: Sequence[FaceEvent]) -> list[FaceEvent]:
        """Let all faces of a camera leave their zones; returns all events in the order of the story.

        Args:
            camera: its name.
            happened: what else has happened; faces that ended did when they were in their zones last.
        """
        watch = self._watches.pop(camera, None)
        leaving = watch.end() if watch else []
        return [*leaving, *(replace(event, zones=_left_by(event, leaving)) for event in happened)]


def _zones(event: FaceEvent, placed: Tracks, leaving: Sequence[FaceEvent]) -> tuple[str, ...]:
    """Return the zones that the face of an event is in; of a face that is gone, those that it was in last."""
    for track in placed.tracks:
        if track.id == event.track_id:
            return track.zones
    return _left_by(event, leaving)


def _left_by(event: FaceEvent, leaving: Sequence[FaceEvent]) -> tuple[str, ...]:
    return tuple(left.zone for left in leaving if left.track_id == event.track_id and left.zone is not None)


class _CameraPlaces:
    """The zones and lines of one camera, and the faces among them."""

    def __init__(self, camera: str, layout: Layout) -> None:
        self._camera = camera
        self._layout = layout
        self._size = (0, 0)
        self._zones: list[tuple[str, Contour]] = []
        self._lines: list[tuple[Line, Segment]] = []
        self._walks: dict[int, _Walk] = {}
        self._at_ns = 0

    def mark(self, layout: Layout) -> None:
        """Take in what is marked now."""
        kept = {line.name for line in layout.lines if line in self._layout.lines}
        for walk in self._walks.values():
            walk.steps = {name: steps for name, steps in walk.steps.items() if name in kept}
        self._layout = layout
        self._draw(self._size)

    def watch(self, seen: Tracks, size: tuple[int, int], hidden: Collection[int]) -> tuple[Tracks, list[FaceEvent]]:
        """Take in the tracks of a frame; return them with their zones, and what happened."""
        self._fit(size)
        self._at_ns = seen.captured_ns
        events = list(self._out_of_the_removed(seen.captured_ns))
        gone, self._walks = self._walks, {}
        tracks: list[Track] = []
        for track in seen.tracks:
            walk = self._walks[track.id] = gone.pop(track.id, _Walk(seen.captured_ns, track))
            walk.track = track
            if track.state == "confirmed":
                events += self._step(walk, seen.captured_ns)
            tracks.append(replace(track, zones=tuple(walk.entered_ns)) if walk.entered_ns else track)
        self._walks |= {each: gone.pop(each) for each in tuple(gone) if each in hidden}
        for walk in gone.values():
            events += [self._left(walk, zone, seen.captured_ns) for zone in tuple(walk.entered_ns)]
        inside = any(walk.entered_ns for walk in self._walks.values())
        return replace(seen, tracks=tuple(tracks)) if inside else seen, events

    def shift(self, jump_ns: int) -> None:
        """Shift the start times of stays."""
        self._at_ns += jump_ns
        for walk in self._walks.values():
            walk.started_ns = max(1, walk.started_ns + jump_ns)
            walk.entered_ns = {zone: since_ns + jump_ns for zone, since_ns in walk.entered_ns.items()}

    def end(self) -> list[FaceEvent]:
        """Return that all faces left their zones, in the last frame."""
        walks, at_ns = self._walks.values(), self._at_ns
        return [self._left(walk, zone, at_ns) for walk in walks for zone in tuple(walk.entered_ns)]

    def _fit(self, size: tuple[int, int]) -> None:
        if size == self._size:
            return
        self._draw(size)
        for walk in self._walks.values():
            # Where it was is told in px of the old size.
            walk.at = None
            walk.steps.clear()

    def _draw(self, size: tuple[int, int]) -> None:
        self._size = size
        self._zones = [(zone.name, contour(zone.polygon, size)) for zone in self._layout.zones]
        self._lines = [(line, segment(line.points, size)) for line in self._layout.lines]

    def _out_of_the_removed(self, at_ns: int) -> Iterator[FaceEvent]:
        """Let faces leave zones that are marked no more, seen or not: this is no guess."""
        there = [name for name, _ in self._zones]
        for walk in self._walks.values():
            for zone in [each for each in walk.entered_ns if each not in there]:
                yield self._left(walk, zone, at_ns)

    def _step(self, walk: _Walk, at_ns: int) -> list[FaceEvent]:
        left, top, right, bottom = walk.track.xyxy
        now, margin_px = ((left + right) / 2, (top + bottom) / 2), MARGIN * (bottom - top)
        step = _Step(walk.at or now, now, margin_px, at_ns)
        walk.at = now
        return [*self._zone_events(walk, step), *self._line_events(walk, step)]

    def _zone_events(self, walk: _Walk, step: _Step) -> Iterator[FaceEvent]:
        for name, area in self._zones:
            depth = depth_px(area, step.now)
            if name not in walk.entered_ns and depth >= 0:
                walk.entered_ns[name] = step.at_ns
                yield self._event(walk, "entered", name, step.at_ns, zone=name)
            elif name in walk.entered_ns and depth < -step.margin_px:
                yield self._left(walk, name, step.at_ns)

    def _line_events(self, walk: _Walk, step: _Step) -> Iterator[FaceEvent]:
        for line, ends in self._lines:
            steps = walk.steps.get(line.name, 0) + step_over(ends, step.before, step.now)
            if steps and distance_px(ends, step.now) >= step.margin_px:
                word = line.to_right if steps > 0 else line.to_left
                yield self._event(walk, "crossed", line.name, step.at_ns, line=line.name, direction=word)
                steps = 0
            walk.steps[line.name] = steps

    def _left(self, walk: _Walk, zone: str, at_ns: int) -> FaceEvent:
        dwell_s = round(max(0, at_ns - walk.entered_ns.pop(zone)) / NS_PER_S, 3)
        return self._event(walk, "left_zone", zone, at_ns, zone=zone, dwell_s=dwell_s)

    def _event(self, walk: _Walk, kind: Kind, place: str, at_ns: int, **about: Any) -> FaceEvent:  # noqa: ANN401
        track = walk.track
        return FaceEvent(
            # A face may come to one place often, yet no more than once in a frame.
            id=f"{self._camera}-{track.id}-{kind}-{place}-{at_ns}",
            type=kind,
            camera=self._camera,
            track_id=track.id,
            identity=track.identity,
            started_ns=min(walk.started_ns, at_ns),
            at_ns=at_ns,
            **about,
        )
