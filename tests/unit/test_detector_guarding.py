"""A backend in a thread of its own: its answers, its failures, and what is left of it when it hangs."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, current_thread

import numpy as np
import pytest
from detector.backends import Backend, BackendError
from detector.geometry import Canvas, Tensor
from detector.guarding import Guard, TroubleError

from tests.servers import HUNG_S, wait_for

PICTURE = np.zeros((1, 32, 32, 3), np.uint8)
SOON_S = HUNG_S
Act = Callable[[Canvas], Sequence[Tensor]]


class FakeBackend:
    """Does what it is told."""

    name = "fake"

    def __init__(self, act: Act) -> None:
        self._act = act

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        return self._act(canvas)


def guard(act: Act, clock: Callable[[], float] = time.monotonic) -> Guard:
    return Guard("fake", lambda: FakeBackend(act), PICTURE, clock)


def marked(canvas: Canvas) -> Sequence[Tensor]:
    return [canvas.astype(np.float32)]


@pytest.fixture
def release() -> Iterator[Event]:
    """Frees what hangs, at the latest when the test ends."""
    event = Event()
    yield event
    event.set()


def test_answers_come_in_turn_from_one_thread_that_is_not_ours() -> None:
    threads = []

    def act(canvas: Canvas) -> Sequence[Tensor]:
        threads.append(current_thread())
        return marked(canvas)

    guarded = guard(act)
    assert guarded.loading
    assert guarded.answer(SOON_S) is not None
    assert not guarded.loading
    for value in (1, 2, 3):
        guarded.ask(np.full_like(PICTURE, value))
        assert guarded.busy
        tensors = guarded.answer(SOON_S)
        assert tensors is not None
        assert tensors[0].max() == value
        assert not guarded.busy
    assert len(set(threads)) == 1
    assert threads[0] is not current_thread()
    # One that hangs must not keep the process from ending.
    assert threads[0].daemon
    guarded.leave()
    wait_for(lambda: not guarded.stuck, what="the thread to end")


def no_device() -> Backend:
    raise BackendError("no device")


def unforeseen() -> Backend:
    raise ZeroDivisionError("never thought of")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("load", "complaint"), [(no_device, "load: no device"), (unforeseen, "load: ZeroDivisionError: never thought of")]
)
def test_what_does_not_load_says_so_at_once(load: Callable[[], Backend], complaint: str) -> None:
    guarded = Guard("fake", load, PICTURE)

    with pytest.raises(TroubleError) as caught:
        guarded.answer(SOON_S)
    assert str(caught.value) == complaint
    assert guarded.loading
    wait_for(lambda: not guarded.stuck, what="the thread to end")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (BackendError("gone"), "error: gone"),
        (KeyError("oops"), "error: KeyError: 'oops'"),
        (SystemExit(3), "SystemExit"),
    ],
)
def test_what_raises_says_so_at_once_and_ends(error: BaseException, complaint: str) -> None:
    def act(canvas: Canvas) -> Sequence[Tensor]:
        if canvas.any():
            raise error
        return marked(canvas)

    guarded = guard(act)
    guarded.answer(SOON_S)
    guarded.ask(np.ones_like(PICTURE))
    with pytest.raises(TroubleError, match=complaint):
        guarded.answer(SOON_S)
    wait_for(lambda: not guarded.stuck, what="the thread to end")


def test_what_hangs_is_waited_for_no_longer_than_said_and_ends_when_it_can(release: Event) -> None:
    def act(canvas: Canvas) -> Sequence[Tensor]:
        release.wait()
        return marked(canvas)

    now_s = 0.0
    guarded = guard(act, lambda: now_s)
    assert guarded.answer(0.1) is None
    now_s = 3600.0
    assert guarded.waited_s() == 3600
    # Counted from when it was asked: else this would wait for another hour.
    assert guarded.answer(3600) is None
    assert guarded.busy
    guarded.leave()
    assert guarded.stuck
    release.set()
    wait_for(lambda: not guarded.stuck, what="the thread to end")


def test_an_answer_that_was_late_can_still_be_taken(release: Event) -> None:
    guarded = guard(lambda canvas: marked(canvas) if release.wait() else [])
    assert guarded.answer(0.01) is None
    release.set()
    tensors = guarded.answer(SOON_S)
    assert tensors is not None
    assert guarded.waited_s() == 0


def test_a_long_complaint_becomes_one_short_line() -> None:
    trouble = TroubleError("error", "Traceback:\n  " + "x" * 500)

    assert str(trouble).startswith("error: Traceback: xxx")
    assert len(str(trouble)) < 200
