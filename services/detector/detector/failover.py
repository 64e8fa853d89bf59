"""Keep detecting while backends fail: the best one that works takes the frame, failed ones are tried again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detector.candidate import Candidate
from detector.families import Family
from detector.geometry import Tensor, Views
from detector.guarding import TroubleError


class HopelessError(Exception):
    """Every backend left so many threads hanging that only a new process can try again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A network's outputs, which network it was, and the backend that gave them; valid until the next call."""

    backend: str
    family: Family
    tensors: Sequence[Tensor]


OnFailure = Callable[[Candidate, TroubleError], None]


class Failover:
    """Several backends, best first.

    A frame goes to the best backend that has not failed. If it raises, is late or gives garbage, the same frame
    goes to the next. A backend that failed is tried again beside the one at work, and taken back when it gives
    the right outputs in time.

    Args:
        on_failure: told of each failure, after the time of the next try is set.
    """

    def __init__(self, on_failure: OnFailure) -> None:
        self._on_failure = on_failure
        self._candidates: list[Candidate] = []

    def arrange(self, candidates: Sequence[Candidate]) -> None:
        """Use these from now on, best first; whoever is not among them is closed."""
        for gone in self._candidates:
            if gone not in candidates:
                gone.close()
        self._candidates = list(candidates)

    def infer(self, views: Views) -> Answer | None:
        """Run the network once, on the best backend that can.

        Returns:
            The answer; None if no backend works.

        Raises:
            HopelessError: none works, and none can be tried again.
        """
        self._bring_back()
        usable = [candidate for candidate in self._candidates if candidate.trouble is None]
        for candidate in usable:
            try:
                tensors = candidate.infer(views, alone=candidate is usable[-1])
            except TroubleError as trouble:
                self._fail(candidate, trouble)
                continue
            if tensors is not None:
                return Answer(candidate.name, candidate.family, tensors)
        if all(candidate.exhausted and not candidate.retry_in_s for candidate in self._candidates):
            raise HopelessError
        return None

    def distrust(self, backend: str, problem: str) -> None:
        """Count a backend as failed whose outputs looked sane and made no sense."""
        for candidate in self._candidates:
            if candidate.name == backend and candidate.trouble is None:
                self._fail(candidate, TroubleError("garbage", problem))

    def failed_before(self, backend: str | None) -> list[Candidate]:
        """Return the failed backends that would be used rather than this one; all failed ones for None."""
        names = [candidate.name for candidate in self._candidates]
        better = self._candidates[: names.index(backend)] if backend in names else self._candidates
        return [candidate for candidate in better if candidate.trouble is not None]

    def close(self) -> None:
        """Let all threads end that can."""
        self.arrange([])

    def _bring_back(self) -> None:
        for candidate in self._candidates:
            if candidate.trouble is not None:
                try:
                    candidate.try_again()
                except TroubleError as trouble:
                    self._fail(candidate, trouble)

    def _fail(self, candidate: Candidate, trouble: TroubleError) -> None:
        others = [other for other in self._candidates if other is not candidate and other.trouble is None]
        candidate.fail(trouble, alone=not others)
        self._on_failure(candidate, trouble)
