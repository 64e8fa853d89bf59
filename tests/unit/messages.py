"""Messages for tests: one plain example of each, and strategies for all that are valid."""

from dataclasses import replace
from typing import Any, Literal, get_args

from hypothesis import strategies as st

from facewire.audit import Decision, Reason, Verdict
from facewire.messages import (
    CHANNELS,
    EVERY_LIMIT,
    Detections,
    Face,
    FaceEvent,
    Frame,
    Identity,
    Message,
    Person,
    Track,
    Tracks,
    Why,
    Wish,
)
from facewire.silence import Silence

LANDMARKS = ((12.0, 14.0), (18.0, 14.0), (15.0, 18.0), (13.0, 22.0), (17.0, 22.0))
FACE = Face((10.0, 10.5, 20.0, 26.0), 0.875, LANDMARKS)
FRAME = Frame("door", 7, 1_700_000_000_000_000_007, 2, 2, "bgr24", bytes(range(12)))
DETECTIONS = Detections("door", 7, 1_700_000_000_000_000_007, "onnxruntime", 1.5, (FACE,))
TRACK = Track(3, (10.0, 10.5, 20.0, 26.0), 0.875, "confirmed", 12, (-1.5, 0.0), Person("Ada", 0.75, live=True))
IN_ZONES = replace(TRACK, id=4, zones=("porch", "steps"))
TRACKS = Tracks("door", 7, 1_700_000_000_000_000_007, (TRACK,))
EVENT = FaceEvent(
    "door-3-appeared",
    "appeared",
    "door",
    3,
    None,
    1_700_000_000_000_000_000,
    1_700_000_000_000_000_007,
    b"\xff\xd8\xff\xd9",
)
ENTERED = replace(EVENT, id="door-3-entered-porch-7", type="entered", snapshot=None, zone="porch")
IDENTIFIED = replace(
    EVENT, id="door-3-identified-7", type="identified", identity=Person("Ada", 0.75), zones=("porch", "steps")
)
LEFT_ZONE = replace(ENTERED, id="door-3-left_zone-porch-7", type="left_zone", dwell_s=2.5)
CROSSED = replace(
    EVENT, id="door-3-crossed-sill-7", type="crossed", identity=Person("Ada", 0.75), line="sill", direction="in"
)
WISH = Wish("door", 7, 1_700_000_000_000_000_007, 2, 12, "lost face")
IDENTITY = Identity("door", 3, 7, 1_700_000_000_000_000_007, "ada-2", "Ada", 0.75, 0.25, 0.875)
DECISION = Decision(
    "front-4f2a",
    "front",
    "UNLOCK",
    "refused",
    "not_live",
    1_700_000_000_000_000_300,
    "Ada",
    "door",
    3,
    1_700_000_000_000_000_007,
)
SILENCE = Silence("door", 21.5)
EXAMPLES: dict[str, Message] = {
    "frame": FRAME,
    "detections": DETECTIONS,
    "tracks": TRACKS,
    "tracks_in_zones": replace(TRACKS, tracks=(TRACK, IN_ZONES)),
    "event": EVENT,
    "event_entered": ENTERED,
    "event_left_zone": LEFT_ZONE,
    "event_crossed": CROSSED,
    "event_identified": IDENTIFIED,
    "wish": WISH,
    "identity": IDENTITY,
    "decision": DECISION,
    "silence": SILENCE,
}

PLACELESS: tuple[Literal["appeared", "identified", "unknown", "left"], ...] = (
    "appeared",
    "identified",
    "unknown",
    "left",
)

cameras = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
stamps = st.integers(1, 2**63 - 1)
seqs = st.integers(0, 2**63 - 1)
shares = st.floats(0, 1)
coordinates = st.floats(-10_000, 10_000)
boxes = st.tuples(coordinates, coordinates, st.floats(0.01, 5000), st.floats(0.01, 5000)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
points = st.tuples(coordinates, coordinates)
faces = st.builds(Face, boxes, shares, st.tuples(points, points, points, points, points))
people = st.builds(Person, st.text(min_size=1, max_size=128), st.floats(-1, 1), st.none() | st.booleans())
tracks = st.builds(
    Track,
    st.integers(1, 2**63 - 1),
    boxes,
    shares,
    st.sampled_from(("tentative", "confirmed", "coasting")),
    st.integers(0, 10**9),
    points,
    st.none() | people,
    st.lists(cameras, max_size=3, unique=True).map(tuple),
    st.booleans(),
)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    width, height = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    encoding: Literal["bgr24", "gray8"] = draw(st.sampled_from(("bgr24", "gray8")))
    channels = CHANNELS[encoding]
    size = width * height * channels
    pixels = draw(st.binary(min_size=size, max_size=size))
    return Frame(draw(cameras), draw(seqs), draw(stamps), width, height, encoding, pixels)


@st.composite
def events(draw: st.DrawFn) -> FaceEvent:
    started_ns, at_ns = sorted((draw(stamps), draw(stamps)))
    snapshot = draw(st.none() | st.binary(max_size=64).map(lambda tail: b"\xff\xd8" + tail))
    person, track_id = draw(st.none() | people), draw(st.integers(1, 2**63 - 1))
    event_id = draw(st.text(min_size=1, max_size=128))
    place: dict[str, Any] = draw(
        st.one_of(
            st.fixed_dictionaries({"type": st.sampled_from(PLACELESS)}),
            st.fixed_dictionaries({"type": st.just("entered"), "zone": cameras}),
            st.fixed_dictionaries({"type": st.just("left_zone"), "zone": cameras, "dwell_s": st.floats(0, 1e9)}),
            st.fixed_dictionaries({"type": st.just("crossed"), "line": cameras, "direction": cameras}),
        )
    )
    stamped: dict[str, Any] = {"camera": draw(cameras), "started_ns": started_ns, "at_ns": at_ns, "snapshot": snapshot}
    zones = draw(st.lists(cameras, max_size=3, unique=True).map(tuple))
    return FaceEvent(id=event_id, track_id=track_id, identity=person, zones=zones, **stamped, **place)


any_message: st.SearchStrategy[Message] = st.one_of(
    frames(),
    st.builds(
        Detections,
        cameras,
        seqs,
        stamps,
        st.text(max_size=20),
        st.floats(0, 1e6),
        st.lists(faces, max_size=4).map(tuple),
    ),
    st.builds(Tracks, cameras, seqs, stamps, st.lists(tracks, max_size=4, unique_by=lambda track: track.id).map(tuple)),
    events(),
    st.builds(
        Wish,
        cameras,
        seqs,
        stamps,
        st.integers(1, EVERY_LIMIT),
        st.integers(1, EVERY_LIMIT),
        st.sampled_from(get_args(Why)),
    ),
    st.builds(
        Identity,
        cameras,
        st.integers(1, 2**63 - 1),
        seqs,
        stamps,
        st.text(min_size=1, max_size=128),
        st.none() | st.text(min_size=1, max_size=128),
        st.floats(-1, 1),
        st.floats(0, 2),
        st.none() | shares,
    ),
    st.builds(
        Decision,
        st.text(min_size=1, max_size=128),
        cameras,
        st.sampled_from(("UNLOCK", "LOCK")),
        st.sampled_from(get_args(Verdict)),
        st.sampled_from(get_args(Reason)),
        stamps,
        st.none() | st.text(min_size=1, max_size=128),
        st.none() | cameras,
        st.none() | st.integers(1, 2**63 - 1),
        st.none() | stamps,
    ),
    st.builds(Silence, cameras, st.floats(0, 1e9)),
)
