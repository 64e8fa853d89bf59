"""The messages that services exchange: frozen values that refuse to exist with insane content.

Every class here is one stream's entry, or a part of one. `facewire.codec` turns them into bytes and
back; the checks in `__post_init__` run on both roads, so an insane message is neither sent nor read.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from facewire import sanity
from facewire.audit import Decision
from facewire.silence import Silence

Xyxy = tuple[float, float, float, float]
"""Left, top, right, bottom in float pixels of the original frame."""
Point = tuple[float, float]
"""x, y in float pixels of the original frame."""
Landmarks = tuple[Point, Point, Point, Point, Point]
"""Right eye, left eye, nose, right and left mouth corner (the face's own right and left)."""

CAMERA_NAME = sanity.CAMERA_NAME
PLACE_NAME = CAMERA_NAME
"""What zones, lines and directions are called: fit for a topic, an entity's id and an event's id."""
PLACES_LIMIT = 64
SIDE_LIMIT_PX = 8192
COORDINATE_LIMIT_PX = 4 * SIDE_LIMIT_PX
FACES_LIMIT = 512
CHANNELS = {"bgr24": 3, "gray8": 1}


InsaneValueError = sanity.InsaneValueError
_require = sanity.require


def _require_finite(values: Iterable[float], name: str, limit: float = COORDINATE_LIMIT_PX) -> None:
    for value in values:
        # A NaN fails the comparison too.
        if not -limit <= value <= limit:
            raise InsaneValueError(f"{name} is not within ±{limit:g}")


def _require_box(xyxy: Xyxy) -> None:
    _require_finite(xyxy, "xyxy")
    left, top, right, bottom = xyxy
    _require(left < right and top < bottom, "xyxy has no area")


def _require_share(value: float, name: str) -> None:
    _require(0.0 <= value <= 1.0, f"{name} is not within 0..1")


def _require_place(name: str, what: str) -> None:
    _require(PLACE_NAME.fullmatch(name) is not None, f"{what} is not a short lower-case name")


def _require_zones(zones: tuple[str, ...]) -> None:
    _require(len(zones) <= PLACES_LIMIT, f"in more than {PLACES_LIMIT} zones")
    for zone in zones:
        _require_place(zone, "zone")


def _require_stamp(camera: str, seq: int, captured_ns: int) -> None:
    _require(CAMERA_NAME.fullmatch(camera) is not None, "camera is not a short lower-case name")
    _require(0 <= seq < 2**63, "seq is not within 0..2^63")
    _require(0 < captured_ns < 2**63, "captured_ns is not a time")


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured picture: `data` is (height, width, 3) uint8 BGR, or (height, width) uint8 gray, row by row."""

    TYPE: ClassVar[str] = "frame"

    camera: str
    seq: int
    captured_ns: int
    width: int
    height: int
    encoding: Literal["bgr24", "gray8"]
    data: bytes

    def __post_init__(self) -> None:
        _require_stamp(self.camera, self.seq, self.captured_ns)
        for side in (self.width, self.height):
            _require(1 <= side <= SIDE_LIMIT_PX, f"a side is not within 1..{SIDE_LIMIT_PX} px")
        size = self.width * self.height * CHANNELS[self.encoding]
        _require(len(self.data) == size, "data is not width x height x channels bytes")


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face: its box, how sure the detector is (0..1), and five landmarks where the network gives them."""

    xyxy: Xyxy
    score: float
    landmarks: Landmarks | None

    def __post_init__(self) -> None:
        _require_box(self.xyxy)
        _require_share(self.score, "score")
        for point in self.landmarks or ():
            _require_finite(point, "landmarks")


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one frame, best score first, and what it took to find them."""

    TYPE: ClassVar[str] = "detections"

    camera: str
    seq: int
    captured_ns: int
    backend: str
    inference_ms: float
    faces: tuple[Face, ...]

    def __post_init__(self) -> None:
        _require_stamp(self.camera, self.seq, self.captured_ns)
        _require(math.isfinite(self.inference_ms) and self.inference_ms >= 0, "inference_ms is not a duration")
        _require(len(self.faces) <= FACES_LIMIT, f"more than {FACES_LIMIT} faces")


@dataclass(frozen=True, slots=True)
class Person:
    """Who a track is believed to be: a gallery name, how similar (-1..1), and whether it looks alive."""

    name: str
    similarity: float
    live: bool | None = None

    def __post_init__(self) -> None:
        _require(0 < len(self.name) <= 128, "name is not 1..128 characters")
        _require_finite((self.similarity,), "similarity", 1.0)


@dataclass(frozen=True, slots=True)
class Track:
    """One followed face in one frame: a stable id, its box now, its velocity in px/s, and the zones that it is in.

    A tentative face counts nowhere yet. If it is `likely` one, it is worth showing under its id all the same.
    """

    id: int
    xyxy: Xyxy
    score: float
    state: Literal["tentative", "confirmed", "coasting"]
    age_frames: int
    velocity: Point
    identity: Person | None = None
    zones: tuple[str, ...] = ()
    likely: bool = False

    def __post_init__(self) -> None:
        _require(0 < self.id < 2**63, "id is not positive")
        _require_box(self.xyxy)
        _require_share(self.score, "score")
        _require(self.age_frames >= 0, "age_frames is negative")
        _require_finite(self.velocity, "velocity", 1e6)
        _require_zones(self.zones)


@dataclass(frozen=True, slots=True)
class Tracks:
    """All followed faces of one frame."""

    TYPE: ClassVar[str] = "tracks"

    camera: str
    seq: int
    captured_ns: int
    tracks: tuple[Track, ...]

    def __post_init__(self) -> None:
        _require_stamp(self.camera, self.seq, self.captured_ns)
        _require(len(self.tracks) <= FACES_LIMIT, f"more than {FACES_LIMIT} tracks")
        ids = {track.id for track in self.tracks}
        _require(len(ids) == len(self.tracks), "two tracks share an id")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the recognizer makes of one look at a track: who it may be, how sure, and whether it looks alive.

    `margin` is by how much `similarity` is above that to the next other person; `live_score` is 0 (a picture) to 1.
    """

    TYPE: ClassVar[str] = "identity"

    camera: str
    track_id: int
    seq: int
    captured_ns: int
    embedding_id: str
    name: str | None
    similarity: float
    margin: float
    live_score: float | None = None

    def __post_init__(self) -> None:
        _require_stamp(self.camera, self.seq, self.captured_ns)
        _require(0 < self.track_id < 2**63, "track_id is not positive")
        _require(0 < len(self.embedding_id) <= 128, "embedding_id is not 1..128 characters")
        _require(self.name is None or 0 < len(self.name) <= 128, "name is not 1..128 characters")
        _require_finite((self.similarity,), "similarity", 1.0)
        _require(0.0 <= self.margin <= 2.0, "margin is not within 0..2")
        _require(self.live_score is None or 0.0 <= self.live_score <= 1.0, "live_score is not within 0..1")


@dataclass(frozen=True, slots=True)
class FaceEvent:
    """One chapter of a face's story; `id` is the same however often the event is delivered.

    Only some types have a place: `entered` a zone, `left_zone` a zone and how long the face was in it, `crossed` a line
    and the direction. `zones` are those that the face was in when any other happened.
    """

    TYPE: ClassVar[str] = "event"

    id: str
    type: Literal["appeared", "identified", "unknown", "left", "entered", "left_zone", "crossed"]
    camera: str
    track_id: int
    identity: Person | None
    started_ns: int
    at_ns: int
    snapshot: bytes | None = None
    zone: str | None = None
    line: str | None = None
    direction: str | None = None
    dwell_s: float | None = None
    zones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_stamp(self.camera, 0, self.at_ns)
        _require(0 < len(self.id) <= 128, "id is not 1..128 characters")
        _require(self.track_id > 0, "track_id is not positive")
        _require(0 < self.started_ns <= self.at_ns, "started_ns is not a time before at_ns")
        if self.snapshot is not None:
            _require(self.snapshot.startswith(b"\xff\xd8"), "snapshot is not a JPEG")
        self._require_its_place()

    def _require_its_place(self) -> None:
        places = {"zone": self.zone, "line": self.line, "direction": self.direction, "dwell_s": self.dwell_s}
        given = {name for name, place in places.items() if place is not None}
        belongs = _PLACES_OF.get(self.type, set())
        _require(given == belongs, f"{self.type} has not exactly these: {', '.join(sorted(belongs)) or 'no place'}")
        for name in given - {"dwell_s"}:
            _require_place(str(places[name]), name)
        _require_zones(self.zones)
        _require(self.dwell_s is None or 0 <= self.dwell_s < math.inf, "dwell_s is not a duration")


_PLACES_OF = {"entered": {"zone"}, "left_zone": {"zone", "dwell_s"}, "crossed": {"line", "direction"}}

EVERY_LIMIT = 300
Why = Literal[
    "new motion", "unconfirmed face", "lost face", "faces overlap", "blind flow", "moving face", "nothing new"
]
"""What makes the tracker certain or uncertain, the least certain first."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How often the tracker wants detections, of a camera and from a frame on.

    One in `every` frames, for the reason `why`; with fewer than one in `at_most` it would lose faces that it follows.
    """

    TYPE: ClassVar[str] = "wish"

    camera: str
    seq: int
    captured_ns: int
    every: int
    at_most: int
    why: Why

    def __post_init__(self) -> None:
        _require_stamp(self.camera, self.seq, self.captured_ns)
        for frames in (self.every, self.at_most):
            _require(1 <= frames <= EVERY_LIMIT, f"frames per detection are not within 1..{EVERY_LIMIT}")


Message = Frame | Detections | Tracks | FaceEvent | Wish | Identity | Decision | Silence
