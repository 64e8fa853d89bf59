"""Whatever comes in whatever order, the tracker's state makes sense, and what it refuses is counted."""

import dataclasses
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tracker.history import KEPT_FRAMES
from tracker.tracking import CameraTracker, Rules

from facewire.messages import Detections, Face, FaceEvent, Frame, Tracks
from facewire.metrics import Metrics
from tests.unit.scene import FIRST_NS, NOWHERE, Scene, Walker, paste, stamp

MOST_FACES = 4
SIZES = ((64, 48), (48, 64), (640, 480))
RANDOM = np.random.default_rng(5)
PIXELS = {size: RANDOM.integers(0, 255, size[0] * size[1], dtype=np.uint8).tobytes() for size in SIZES}

number = st.one_of(st.floats(-100, 700), st.sampled_from((float("nan"), float("inf"), -1e9, 0.0)))
boxes = st.one_of(
    st.tuples(number, number, number, number),
    st.tuples(st.floats(-50, 600), st.floats(-50, 400), st.floats(0, 200), st.floats(0, 200)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
)
# People who walk to the right, in pictures that move: where each begins, and whether a detector sees them.
CROWD = Scene(*(Walker(0, 0, side=64) for _ in range(MOST_FACES + 2)))
People = dict[int, tuple[int, int, bool]]
people = st.dictionaries(
    st.integers(0, MOST_FACES + 1), st.tuples(st.integers(-60, 620), st.integers(0, 400), st.booleans()), max_size=6
)

found = st.lists(st.tuples(boxes, st.one_of(st.floats(0, 1), st.just(float("nan")))), max_size=7)


def unchecked(box: tuple[float, float, float, float], score: float) -> Face:
    """Make a face past its own checks, as a detector inside this process might."""
    face = object.__new__(Face)
    for name, value in (("xyxy", box), ("score", score), ("landmarks", NOWHERE)):
        object.__setattr__(face, name, value)
    return face


def box(person: tuple[int, int, bool], step: int) -> tuple[float, float, float, float]:
    left, top = person[0] + 4 * step, person[1]
    return left, top, left + 64, top + 64


def walked(people: People, step: int) -> np.ndarray:
    seen = CROWD._floor.copy()
    for who, person in people.items():
        paste(seen, CROWD._faces[who], *(int(side) for side in box(person, step)[:2]))
    return seen


class AnyOrder(RuleBasedStateMachine):
    """Frames and detections as they should not come."""

    def __init__(self) -> None:
        super().__init__()
        rules = Rules(max_faces=MOST_FACES, confirm_hits=2, coast_s=0.3, return_within_s=2.0)
        self.tracker = CameraTracker("door", rules, count(1).__next__, Metrics("test"))
        self.seq, self.now_ns, self.size = 1000, FIRST_NS, SIZES[0]
        self.events: list[FaceEvent] = []

    @rule(step=st.sampled_from((1, 1, 1, 2, 7, 0, -1, -3, -100)), size=st.sampled_from((None, None, None, *SIZES)))
    def see(self, step: int, size: tuple[int, int] | None) -> None:
        self.seq, self.size = max(0, self.seq + step), size or self.size
        self.now_ns += 33_000_000
        width, height = self.size
        tracks, events = self.tracker.see(
            Frame("door", self.seq, self.now_ns, width, height, "gray8", PIXELS[self.size])
        )
        # The messages themselves refuse NaN, boxes without area and repeated ids.
        assert tracks is None or isinstance(tracks, Tracks)
        self.events += events

    @rule(jump_ns=st.sampled_from((-(10**15), -(10**9), 10**9, 10**15, -33_000_000)))
    def clock_jumps(self, jump_ns: int) -> None:
        self.now_ns = max(1, self.now_ns + jump_ns)

    @rule(ago=st.integers(-40, 40), found=found)
    def correct(self, ago: int, found: list[Any]) -> None:
        faces = tuple(unchecked(box, score) for box, score in found)
        seq = max(0, self.seq - ago)
        self.events += self.tracker.correct(Detections("door", seq, self.now_ns, "test", 1.0, faces))

    @rule(people=people, frames=st.integers(1, 12), late=st.sampled_from((0, 0, 3)))
    def people_walk(self, people: People, frames: int, late: int) -> None:
        self.size = SIZES[2]
        for step in range(frames):
            self.seq, self.now_ns = self.seq + 1, self.now_ns + 33_000_000
            _, events = self.tracker.see(
                Frame("door", self.seq, self.now_ns, *self.size, "gray8", walked(people, step).tobytes())
            )
            self.events += events
            if step >= late and step % 3 == 0:
                faces = tuple(unchecked(box(at, step - late), 0.9) for at in people.values() if at[2])
                found = Detections("door", self.seq - late, self.now_ns - late * 33_000_000, "test", 1.0, faces)
                self.events += self.tracker.correct(found)

    @invariant()
    def the_state_makes_sense(self) -> None:
        table = self.tracker._followed.table
        for each in dataclasses.fields(table.filter):
            assert np.isfinite(getattr(table.filter, each.name)).all()
        assert np.isfinite(table.look).all()
        assert (table.filter.place[:, 2:] > 0).all()
        assert (table.filter.place_variance >= 0).all()
        assert len(set(table.id.tolist())) == len(table) <= MOST_FACES
        assert not set(table.id.tolist()) & set(self.tracker._followed.gone.table.id.tolist())

    @invariant()
    def each_event_happens_once_and_nobody_leaves_who_did_not_come(self) -> None:
        ids = [event.id for event in self.events]
        assert len(set(ids)) == len(ids)
        there: set[int] = set()
        for event in self.events:
            assert (event.track_id in there) == (event.type == "left")
            there ^= {event.track_id}


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_no_order_of_frames_clock_or_boxes_makes_a_state_without_sense = AnyOrder.TestCase


def frame(seq: int, captured_ns: int | None = None, size: tuple[int, int] = (640, 480)) -> Frame:
    return Frame("door", seq, captured_ns or stamp(seq), *size, "gray8", PIXELS[size])


def nothing_found(seq: int, *faces: Face) -> Detections:
    return Detections("door", seq, stamp(seq), "test", 1.0, faces)


def run(metrics: Metrics, *messages: Frame | Detections) -> None:
    tracker = CameraTracker("door", Rules(), count(1).__next__, metrics)
    for message in messages:
        if isinstance(message, Frame):
            tracker.see(message)
        else:
            tracker.correct(message)


OFF, FLAT = unchecked((700.0, 10.0, 760.0, 70.0), 0.9), unchecked((10.0, 10.0, 10.0, 60.0), 0.9)
VAST = unchecked((-900.0, -10.0, 900.0, 300.0), 0.9)
NAN = unchecked((float("nan"), 10.0, 60.0, 60.0), 0.9)


@pytest.mark.parametrize(
    ("kind", "reason", "messages", "times"),
    [
        ("dropped", "repeated_frame", (frame(1), frame(1)), 1),
        ("dropped", "out_of_order", (frame(2), frame(1)), 1),
        ("counted", "frames_missing", (frame(1), frame(5)), 3),
        ("counted", "size_changed", (frame(1), frame(2, size=(64, 48))), 1),
        ("counted", "clock_jump", (frame(2), frame(3, stamp(1))), 1),
        ("counted", "clock_jump", (frame(2), frame(3, stamp(3000))), 1),
        ("dropped", "stale_detections", (frame(100), nothing_found(1)), 1),
        ("dropped", "unknown_frame", (frame(1), nothing_found(2 + KEPT_FRAMES)), 1),
        ("dropped", "early_detections", (frame(1), nothing_found(3), nothing_found(4)), 1),
        ("dropped", "repeated_detections", (frame(1), nothing_found(1), nothing_found(1)), 1),
        ("dropped", "box_off_frame", (frame(1), nothing_found(1, OFF)), 1),
        ("dropped", "senseless_box", (frame(1), nothing_found(1, FLAT, NAN, VAST)), 3),
    ],
)
def test_what_is_odd_is_counted(kind: str, reason: str, messages: Any, times: int) -> None:
    metrics = Metrics("test")
    run(metrics, *messages)
    label = "reason" if kind == "dropped" else "what"
    assert metrics.registry.get_sample_value(f"facewire_test_{kind}_total", {label: reason}) == times


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumps_costs_nobody_their_id(jump_s: int) -> None:
    scene, tracker = Scene(Walker(200, 150, dx=1)), CameraTracker("door", Rules(), count(1).__next__, Metrics("test"))
    told: list[str] = []
    for index in range(1, 60):
        seen_frame = scene.frame(index)
        if index > 30:
            seen_frame = dataclasses.replace(seen_frame, captured_ns=seen_frame.captured_ns + jump_s * 10**9)
        seen, events = tracker.see(seen_frame)
        if index % 5 == 0:
            events += tracker.correct(scene.detections(index))
        told += [event.type for event in events]
    assert seen is not None
    assert [track.id for track in seen.tracks] == [1]
    assert told == ["appeared"]


def test_fifty_faces_are_followed_at_once_and_the_largest_of_more() -> None:
    walkers = [Walker(4 + 62 * (at % 10), 4 + 78 * (at // 10), side=34 + at % 10 * 2) for at in range(60)]
    scene, tracker = Scene(*walkers), CameraTracker("door", Rules(max_faces=50), count(1).__next__, Metrics("test"))
    for index in range(1, 20):
        seen, _ = tracker.see(scene.frame(index))
        if index % 5 == 0:
            tracker.correct(scene.detections(index))
    assert seen is not None
    assert len(seen.tracks) == 50
    assert min(track.xyxy[2] - track.xyxy[0] for track in seen.tracks) > 34


def test_a_much_larger_face_takes_the_place_of_the_newest_of_the_small() -> None:
    old, young = Walker(50, 200, side=40), Walker(150, 200, side=40, frames=range(20, 200))
    near = Walker(350, 150, side=120, frames=range(40, 200))
    tracker = CameraTracker("door", Rules(max_faces=2), count(1).__next__, Metrics("test"))
    scene, told = Scene(old, young, near), []
    for index in range(1, 61):
        seen, events = tracker.see(scene.frame(index))
        if index % 5 == 0:
            events += tracker.correct(scene.detections(index))
        told += [(event.type, event.track_id) for event in events]
    assert seen is not None
    assert told == [("appeared", 1), ("appeared", 2), ("left", 2), ("appeared", 3)]
    assert {track.id for track in seen.tracks} == {1, 3}
