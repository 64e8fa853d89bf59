"""One backend's fortunes: at work, late, failed, and tried again ever more seldom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detector.examining import Examiner
from detector.families import Family
from detector.geometry import Tensor, Views
from detector.guarding import Clock, Guard, TroubleError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what.

    Args:
        late_s: for an answer, before another backend is given the frame. With a frame due every third of a second at
            the most, faces are found again within the second that the tracker keeps them for.
        hang_s: for an answer that never came, before the backend counts as failed.
        alone_s: the same where no other backend could help.
        load_late_s: as `late_s`, while a backend loads.
        load_hang_s: as `hang_s`, while a backend loads; less than a loop may be silent for.
        retry_s: before a failed backend is tried again for the first time; doubles each time.
        retry_alone_s: the same where no backend is left; not after a hang, since each costs a thread.
        retry_at_most_s: that doubling ends here; whoever worked for so long has a clean record again.
        late_at_most: answers in a row that may be late.
        stuck_at_most: threads that one backend may leave hanging in this process.
    """

    late_s: float = 0.3
    hang_s: float = 1.0
    alone_s: float = 5.0
    load_late_s: float = 3.0
    load_hang_s: float = 8.0
    retry_s: float = 30.0
    retry_alone_s: float = 2.0
    retry_at_most_s: float = 600.0
    late_at_most: int = 3
    stuck_at_most: int = 3


class Candidate:
    """A backend that may be used.

    Args:
        name: the backend's name.
        start: starts it in a thread of its own, with the examiner's picture as first job.
        examiner: knows right outputs from wrong ones.
        clock: seconds that only go forward.
        patience: how long to wait for what.
    """

    def __init__(
        self, name: str, start: Callable[[], Guard], examiner: Examiner, clock: Clock, patience: Patience
    ) -> None:
        self.name = name
        self.trouble: TroubleError | None = None
        self._start = start
        self._examiner = examiner
        self._clock = clock
        self._patience = patience
        self._guard: Guard | None = None
        self._left: list[Guard] = []
        self._ahead = False
        self._late = self._failures = 0
        self._retry_s = self._back_s = clock()

    @property
    def family(self) -> Family:
        """The network that it runs."""
        return self._examiner.family

    @property
    def exhausted(self) -> bool:
        """Whether so many of its threads hang that this process does not try it again."""
        self._left = [guard for guard in self._left if guard.stuck]
        return len(self._left) >= self._patience.stuck_at_most

    @property
    def retry_in_s(self) -> float:
        """How long until it may be tried again."""
        return max(0.0, self._retry_s - self._clock())

    def infer(self, views: Views, *, alone: bool) -> Sequence[Tensor] | None:
        """Run the network once.

        Args:
            views: the picture.
            alone: no other backend could take the picture, so this one is given more time.

        Returns:
            The outputs; None if they are late, and another backend should take the picture.

        Raises:
            TroubleError: it failed.
        """
        guard = self._running()
        # Still loading, or at an earlier picture whose outputs are of no use any more.
        if guard.busy and self._wait(guard, alone=alone) is None:
            return None
        canvas, _ = views.at(self.family.size)
        guard.ask(canvas)
        tensors = self._wait(guard, alone=alone)
        self._late = self._late + 1 if tensors is None else 0
        if self._late > self._patience.late_at_most:
            raise TroubleError("slow", f"no answer within {self._patience.late_s:g} s, {self._late} times in a row")
        if tensors is not None:
            self._examiner.require_sane(tensors)
        return tensors

    def warm_up(self) -> None:
        """Start it beside the one at work; until it is loaded, nobody waits for it."""
        self._running()
        self._ahead = True

    def try_again(self) -> bool:
        """Try a failed backend beside the one at work; call it again and again.

        Returns:
            Whether it is back.

        Raises:
            TroubleError: it failed again.
        """
        if self._guard is None and (self.retry_in_s > 0 or self.exhausted):
            return False
        guard, patience = self._running(), self._patience
        # It loads in its own time, and must then be right; only then it counts how fast it is.
        if self._look(guard, 0.0, patience.load_hang_s) is None:
            return False
        guard.ask(self._examiner.picture)
        self._look(guard, patience.late_s, patience.late_s)
        self.trouble = None
        self._back_s = self._clock()
        return True

    def fail(self, trouble: TroubleError, *, alone: bool) -> None:
        """Leave its thread behind, and set when to try again.

        Args:
            trouble: what happened.
            alone: no other backend is left.
        """
        patience, now_s = self._patience, self._clock()
        if self._guard is not None:
            self._guard.leave()
            self._left.append(self._guard)
            self._guard = None
        self._ahead, self._late = False, 0
        if self.trouble is None and now_s - self._back_s >= patience.retry_at_most_s:
            self._failures = 0
        self.trouble = trouble
        first_s = patience.retry_alone_s if alone and trouble.reason != "hang" else patience.retry_s
        self._retry_s = now_s + min(first_s * 2**self._failures, patience.retry_at_most_s)
        self._failures += 1

    def close(self) -> None:
        """Let its thread end."""
        if self._guard is not None:
            self._guard.leave()

    def fate(self) -> str:
        """Say what happened to it, and when it is tried again."""
        if self.exhausted:
            return f"{self.name} failed ({self.trouble}); {self.name} hung too often to be tried again before a restart"
        when = "now" if self._guard is not None else f"in {self.retry_in_s:.0f} s"
        return f"{self.name} failed ({self.trouble}); {self.name} is tried again {when}"

    def _running(self) -> Guard:
        if self._guard is None:
            self._guard = self._start()
        return self._guard

    def _wait(self, guard: Guard, *, alone: bool) -> Sequence[Tensor] | None:
        patience = self._patience
        if guard.loading:
            late_s, hang_s = 0.0 if self._ahead else patience.load_late_s, patience.load_hang_s
        else:
            late_s, hang_s = patience.late_s, patience.alone_s if alone else patience.hang_s
        return self._look(guard, hang_s if alone else late_s, hang_s)

    def _look(self, guard: Guard, until_s: float, hang_s: float) -> Sequence[Tensor] | None:
        loading = guard.loading
        tensors = guard.answer(until_s)
        if tensors is None and max(until_s, guard.waited_s()) >= hang_s:
            raise TroubleError("hang", f"no answer within {hang_s:g} s")
        if tensors is not None and loading:
            self._examiner.require_right(self.name, tensors)
        return tensors
