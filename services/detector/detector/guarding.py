"""Run one backend in a thread of its own: native code that hangs cannot be stopped, only left behind."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Literal

from detector.backends import Backend, BackendError
from detector.geometry import Canvas, Tensor

Reason = Literal["load", "error", "hang", "slow", "garbage"]
Clock = Callable[[], float]

LONGEST_TEXT = 160


class TroubleError(Exception):
    """A backend failed.

    Args:
        reason: what kind of failure, for a counter.
        text: more of it, for people.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        # A library's error may be a page long.
        self.text = " ".join(text.split())[:LONGEST_TEXT]
        super().__init__(f"{reason}: {self.text}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Job:
    """One picture for the network, and where the answer goes: an answer that comes too late reaches nobody."""

    canvas: Canvas
    asked_s: float
    answer: "SimpleQueue[Sequence[Tensor] | TroubleError]" = field(default_factory=SimpleQueue)


class Guard:
    """A backend in a daemon thread, which loads it and then runs one job at a time.

    The first job is given at once, so its answer says that the backend is loaded and works. After trouble
    the thread ends, and the guard is of no more use.

    Args:
        name: the backend's name.
        load: loads the backend.
        first: the first job's picture.
        clock: seconds that only go forward.
        abort: ends what the thread may wait for, where that can be done from outside.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Backend],
        first: Canvas,
        clock: Clock = time.monotonic,
        abort: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._abort = abort
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._job: _Job | None = None
        self.loading = True
        self.ask(first)
        self._thread = Thread(target=_work, args=(load, self._jobs), name=f"backend {name}", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to be taken."""
        return self._job is not None

    @property
    def stuck(self) -> bool:
        """Whether the thread still runs; after `leave` only one that hangs does for long."""
        return self._thread.is_alive()

    def ask(self, canvas: Canvas) -> None:
        """Give the thread a picture; only when it is not busy."""
        self._job = _Job(canvas, self._clock())
        self._jobs.put(self._job)

    def answer(self, until_s: float) -> Sequence[Tensor] | None:
        """Take the answer, waiting for it until `until_s` after it was asked for.

        Returns:
            The network's outputs; None if they are not there yet.

        Raises:
            TroubleError: the backend failed.
        """
        if self._job is None:
            raise RuntimeError("nothing was asked")
        try:
            answer = self._job.answer.get(timeout=max(0.0, until_s - self.waited_s()))
        except Empty:
            return None
        self._job = None
        if isinstance(answer, TroubleError):
            raise answer
        self.loading = False
        return answer

    def waited_s(self) -> float:
        """Return how long ago the answer was asked for; 0 if nothing is being waited for."""
        return 0.0 if self._job is None else self._clock() - self._job.asked_s

    def leave(self) -> None:
        """Let the thread end, now or when its job does."""
        self._jobs.put(None)
        self._abort()


def _work(load: Callable[[], Backend], jobs: "SimpleQueue[_Job | None]") -> None:
    job = jobs.get()
    reason: Reason = "load"
    try:
        backend = load()
        reason = "error"
        while job is not None:
            job.answer.put(backend.infer(job.canvas))
            job = jobs.get()
    except BackendError as error:
        _fail(job, TroubleError(reason, str(error)))
    finally:
        # Whatever else ends the thread (and is printed as it does) must not look like a hang.
        unforeseen = sys.exception()
        if unforeseen is not None:
            _fail(job, TroubleError(reason, f"{type(unforeseen).__name__}: {unforeseen}"))


def _fail(job: _Job | None, trouble: TroubleError) -> None:
    if job is not None:
        job.answer.put(trouble)
