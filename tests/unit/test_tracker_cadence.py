"""How often the tracker wants detections: seldom in a still scene, at once when something is new; no to and fro."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker.cadence import HOLD_S, Attention, Pace, Signals, decide, most, settle
from tracker.novelty import COLUMNS, ROWS, Novelty, weight

from facewire.messages import EVERY_LIMIT, Frame, Track, Tracks, Why, Wish
from tests.unit.scene import FPS, HEIGHT, WIDTH, Scene, Walker, stamp

NS_PER_S = 1_000_000_000
ENTERS = 200
NOISE = np.random.default_rng(3).normal(0, 8, (HEIGHT, WIDTH)).astype(np.int16)
Change = Callable[[np.ndarray, int], np.ndarray]


def wishes(frames: Iterable[Frame], seen: Callable[[int], tuple[Track, ...]] = lambda _: ()) -> Iterator[Wish]:
    """Yield what holds after each frame."""
    attention, holds = Attention(coast_s=1.0), None
    for frame in frames:
        told = attention.watch(frame, Tracks(frame.camera, frame.seq, frame.captured_ns, seen(frame.seq)), blind=0)
        holds = told or holds
        assert holds is not None
        yield holds


def changed(scene: Scene, change: Change, indices: Iterable[int]) -> Iterator[Frame]:
    for index in indices:
        frame = scene.frame(index)
        picture = change(np.frombuffer(frame.data, np.uint8).reshape(HEIGHT, WIDTH), index)
        data = np.clip(picture, 0, 255).astype(np.uint8).tobytes()
        yield Frame(frame.camera, index, frame.captured_ns, WIDTH, HEIGHT, "gray8", data)


def noisy(picture: np.ndarray, index: int) -> np.ndarray:
    # Of a sensor in the dark; a shifted piece of one field is as good as a new one, and a tenth of the time.
    return picture + np.roll(NOISE, index * 7919)


def test_a_still_scene_settles_at_the_ceiling_step_by_step_and_stays_there() -> None:
    paces = [wish.every for wish in wishes(changed(Scene(), noisy, range(1, 400)))]
    changes = [(before, after) for before, after in pairwise(paces) if before != after]
    assert changes
    assert all(after > before for before, after in changes)
    assert paces[-1] == EVERY_LIMIT
    assert paces.index(EVERY_LIMIT) < 10 * FPS


def test_who_enters_a_still_scene_is_looked_for_at_once() -> None:
    enters = Walker(-80 - 6 * ENTERS, 150, dx=6, frames=range(ENTERS + 2, 10_000))
    told = list(wishes(changed(Scene(enters), noisy, range(1, ENTERS + 20))))
    before = [wish.every for wish in told[: ENTERS - 1]]
    assert before[-1] > 15
    first = next(wish for wish in told if wish.seq >= ENTERS and wish.every <= 2)
    assert first.seq <= ENTERS + 6
    assert first.why == "new motion"


@pytest.mark.parametrize("change", ["lamp", "television"])
def test_light_and_what_stirs_all_the_time_are_nothing_new(change: str) -> None:
    def lamp(picture: np.ndarray, index: int) -> np.ndarray:
        return picture.astype(np.int16) // 2 + (60 if index > ENTERS else 0)

    def television(picture: np.ndarray, index: int) -> np.ndarray:
        picture = picture.copy()
        picture[100:200, 300:400] = np.random.default_rng(index).integers(0, 255)
        return picture

    last = 0
    for wish in wishes(changed(Scene(), {"lamp": lamp, "television": television}[change], range(1, 600))):
        last = wish.every
        if change == "lamp" and wish.seq > ENTERS:
            assert wish.why == "nothing new"
    assert last > 15


def test_a_known_face_and_its_body_are_nothing_new() -> None:
    new = np.zeros((ROWS, COLUMNS), np.bool_)
    new[10:20, 18:22] = True
    assert weight(new, [(288.0, 160.0, 352.0, 224.0)], WIDTH, HEIGHT) == 0
    assert weight(new, [], WIDTH, HEIGHT) == 40
    edge = np.zeros((ROWS, COLUMNS), np.bool_)
    edge[15, 0] = True
    assert weight(edge, [], WIDTH, HEIGHT) == 2


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (39, 29), (640, 480), (1279, 719), (4096, 16)])
def test_pictures_of_any_size_have_cells(size: tuple[int, int]) -> None:
    novelty = Novelty()
    for index, shape in enumerate([(size[1], size[0]), (size[1], size[0], 3)]):
        assert novelty.look(np.zeros(shape, np.uint8), stamp(index)).shape == (ROWS, COLUMNS)


def face(left: float, state: str = "confirmed", speed: float = 0.0, number: int = 1) -> Track:
    return Track(number, (left, 100.0, left + 80, 180.0), 0.9, state, 5, (speed, 0.0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tracks", "every", "why"),
    [
        ((face(100),), 12, "nothing new"),
        ((face(100, speed=60),), 5, "moving face"),
        ((face(100, speed=-400),), 3, "moving face"),
        ((face(100), face(150, number=2)), 2, "faces overlap"),
        ((face(100, "coasting"),), 2, "lost face"),
        ((face(100), face(300, "tentative", number=2)), 1, "unconfirmed face"),
        # Who still does not count after a second is faint, and no reason to detect in every frame for ever.
        ((face(100), replace(face(300, "tentative", number=2), age_frames=30)), 12, "nothing new"),
    ],
)
def test_what_faces_do_decides(tracks: tuple[Track, ...], every: int, why: str) -> None:
    *_, last = wishes(map(Scene().frame, range(1, 8 * FPS)), lambda _: tracks)
    # A face ends a second after its last detection: 12 frames of 30 a second are 0.4 s.
    assert (last.every, last.why, last.at_most) == (every, why, 12)


@pytest.mark.parametrize(("fps", "expected"), [(30, 12), (15, 6), (5, 2), (1, 1)])
def test_a_face_is_looked_for_in_time_at_any_frame_rate(fps: int, expected: int) -> None:
    assert most(1.0, 1 / fps) == expected


def test_flow_that_is_blind_is_a_reason() -> None:
    assert decide(Signals(blind=1)) == (3, "blind flow")


asked = st.lists(
    st.tuples(st.sampled_from((1, 2, 3, 5, 12, EVERY_LIMIT)), st.integers(1, 500)), min_size=1, max_size=60
)


@given(asked)
def test_the_pace_follows_down_at_once_and_up_only_when_it_was_calm(steps: list[tuple[int, int]]) -> None:
    why: Why = "moving face"
    pace, now_ns, asked_ns = Pace(1, why, 0), 0, 0
    for every, step_ms in steps:
        now_ns += step_ms * 1_000_000
        before, pace = pace, settle(pace, every, why, now_ns)
        assert pace.every <= every
        if every <= before.every:
            assert pace.every == every
            asked_ns = now_ns
        elif pace.every > before.every and before.every > 1:
            assert now_ns - asked_ns >= HOLD_S * NS_PER_S
            assert pace.every <= 2 * before.every


def test_a_clock_that_jumps_back_changes_nothing_for_long() -> None:
    still = Scene().frame(1)
    frames = [replace(still, seq=index, captured_ns=stamp(index)) for index in range(1, 200)]
    back = [replace(each, seq=each.seq + 1000, captured_ns=each.captured_ns - 3600 * NS_PER_S) for each in frames]
    *_, last = wishes([*frames, *back])
    assert last.every > 15


def test_the_same_wish_is_repeated_once_a_second_only() -> None:
    attention = Attention(coast_s=1.0)
    still = Scene().frame(1)
    frames = [replace(still, seq=index, captured_ns=stamp(index)) for index in range(1, 20 * FPS)]
    told = [attention.watch(f, Tracks(f.camera, f.seq, f.captured_ns, ()), 0) for f in frames]
    said = [wish for wish in told if wish is not None]
    assert 18 <= len(said) <= 32
