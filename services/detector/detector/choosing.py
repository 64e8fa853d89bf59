"""Hold the backend that is in use: at once one that works, then the fastest; and the next when that one fails."""

import time
from collections.abc import Sequence
from threading import Event

from prometheus_client import Counter

from detector.artifacts import Artifacts
from detector.backends import KINDS, REFERENCE, BackendError
from detector.candidate import Candidate, Patience
from detector.examining import Examiner, Truth
from detector.failover import Answer, Failover, HopelessError
from detector.geometry import InputSize, Views
from detector.guarding import Guard, TroubleError
from detector.measuring import Choice, load
from detector.opening import Files
from detector.photo import check_photo
from detector.preparation import Background
from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.metrics import Metrics
from facewire.service import OperatorError

LOOK_EVERY_S = 0.2
PATIENCE = Patience()


class NoBackendError(BackendError):
    """No backend works now."""


class BackendInUse:
    """The backend that detects now; itself used as one.

    With `auto` and a host that was never measured, the reference detects while a low-priority process
    compiles and measures; what it measured decides from then on. With `auto` the reference is always the last
    resort. Where the operator allows one backend only, no other ever detects.

    Args:
        wanted: `auto`, or the only backend that the operator allows.
        artifacts: the model's files.
        log: told what was chosen, and why.
        heartbeat: shows the same to the dashboard.
        metrics: counts failures.
        stop: ends the wait for the only backend's files, and with it the process.
    """

    def __init__(
        self, wanted: str, artifacts: Artifacts, log: Log, heartbeat: Heartbeat, metrics: Metrics, stop: Event
    ) -> None:
        self.name = ""
        self._artifacts, self._files = artifacts, Files(artifacts)
        self._log, self._heartbeat, self._metrics, self._stop = log, heartbeat, metrics, stop
        self._failures = Counter(
            "facewire_detector_backend_failures",
            "Failures of a backend, at work or when it was tried again",
            ["backend", "reason"],
            registry=metrics.registry,
        )
        self._background = Background()
        self._failover = Failover(self._count)
        self._truth = Truth(check_photo(artifacts.model.parent))
        self._photo = Views()
        self._candidates: dict[str, Candidate] = {}
        self._why = ""
        self._ranked: list[str] = []
        self._preferred: str | None = None
        self._logged = ("", "")
        self._failed = 0
        if wanted == "auto":
            self._start()
        else:
            self._start_only(wanted)

    @property
    def size(self) -> InputSize:
        """The input of the backend that answered last."""
        candidate = self._candidates.get(self.name)
        return candidate.family.size if candidate is not None else self._artifacts.size

    def infer(self, views: Views) -> Answer:
        """Run the network once, on the best backend that works.

        Raises:
            NoBackendError: none works.
        """
        if self._background.just_ended():
            self._adopt()
        try:
            answer = self._failover.infer(views)
        except HopelessError as error:
            self._log.critical("every backend hangs; only a new process can try again")
            raise SystemExit(1) from error
        if answer is None:
            story = self._story(None)
            self._heartbeat.waiting("backend", f"a backend that works: {story}")
            raise NoBackendError(story)
        self._heartbeat.ready("backend")
        self._show(answer.backend)
        return answer

    def blame(self, error: BackendError) -> None:
        """Count a frame that was lost; if the outputs for it made no sense, the backend that gave them has failed."""
        self._metrics.dropped("no_backend")
        if not isinstance(error, NoBackendError):
            self._failover.distrust(self.name, str(error))

    def prefer(self, name: str | None) -> None:
        """Let one detect as long as it works, whatever was chosen; None lets the choice hold again."""
        if name is not None and name not in KINDS:
            name = None
        if name == self._preferred:
            return
        self._preferred = name
        self._arrange(self._ranked, self._why)
        self._warm_up()

    def close(self) -> None:
        """End the background process, if any, and every thread that can be ended."""
        self._background.stop()
        self._failover.close()

    def _start(self) -> None:
        choice = self._measured()
        if choice is not None:
            self._arrange(_in_order(choice), choice.why)
        else:
            self._arrange([REFERENCE], f"{REFERENCE} while the others are measured")
        if not self._works() and self._unfit(REFERENCE):
            raise OperatorError(f"the model cannot be used: {self._problem(REFERENCE)}")
        spoiled = [better.name for better in self._failover.failed_before(self.name) if self._unfit(better.name)]
        for name in spoiled:
            self._files.discard(name)
        # Only now: the background must not make the static model at the same time.
        if spoiled or choice is None:
            self._background.start()

    def _start_only(self, wanted: str) -> None:
        self._measured()
        self._arrange([wanted], f"{wanted}, as DETECTOR_BACKEND says")
        if self._files.has(wanted) or wanted == REFERENCE:
            if self._works() or not self._unfit(wanted):
                return
            self._files.discard(wanted)
        self._heartbeat.waiting("model", f"the model to be made ready for {wanted}")
        self._prepare()
        self._heartbeat.ready("model")
        self._arrange([wanted], self._why)
        if not self._works() and self._unfit(wanted):
            problem = self._problem(wanted)
            raise OperatorError(f"DETECTOR_BACKEND: {wanted} cannot be used here ({problem}); try auto")

    def _prepare(self) -> None:
        # A minute on a Pi: the heart beats on, and a signal is heeded.
        self._background.start()
        while not self._background.just_ended():
            self._heartbeat.beat()
            if self._stop.wait(LOOK_EVERY_S):
                self._background.stop()
                raise SystemExit(0)

    def _adopt(self) -> None:
        """Use what the background made and measured."""
        choice = self._measured()
        if choice is None:
            self._why = f"{self.name}, since no other could be made ready"
            return
        self._arrange(_in_order(choice), choice.why)
        self._warm_up()

    def _warm_up(self) -> None:
        best = next(iter(self._candidates.values()))
        if best.name != self.name:
            best.warm_up()

    def _measured(self) -> Choice | None:
        choice = load(self._files.choice)
        for row in choice.rows if choice is not None else ():
            self._log.info("backend measured", **{field: getattr(row, field) for field in row.__slots__})
        if choice is not None:
            self._heartbeat.note("backends", str(choice))
            self._heartbeat.note("usable", " ".join(choice.ranked))
        return choice

    def _arrange(self, names: Sequence[str], why: str) -> None:
        """Use these from now on, best first; whoever failed before gets a new chance."""
        self._ranked = list(names)
        kept = {name: candidate for name, candidate in self._candidates.items() if candidate.trouble is None}
        first = [] if self._preferred is None else [self._preferred]
        wanted = dict.fromkeys([*first, *names])
        self._candidates = {name: kept.get(name) or self._candidate(name) for name in wanted}
        self._failover.arrange(list(self._candidates.values()))
        self._why = why

    def _candidate(self, name: str) -> Candidate:
        examiner = Examiner(KINDS[name].family(self._artifacts.size), self._truth)

        def start() -> Guard:
            opening = self._files.opening(name)
            return Guard(name, opening.load, examiner.picture, abort=opening.abort)

        return Candidate(name, start, examiner, time.monotonic, PATIENCE)

    def _works(self) -> bool:
        self._photo.show(self._truth.photo)
        answer = self._failover.infer(self._photo)
        if answer is not None:
            self._show(answer.backend)
        return answer is not None

    def _unfit(self, name: str) -> bool:
        # What hangs at the start may have met a busy machine: it is waited for.
        trouble = self._candidates[name].trouble
        return trouble is not None and trouble.reason != "hang"

    def _problem(self, name: str) -> str:
        trouble = self._candidates[name].trouble
        return trouble.text if trouble is not None else ""

    def _count(self, candidate: Candidate, trouble: TroubleError) -> None:
        self._failures.labels(candidate.name, trouble.reason).inc()
        self._failed += 1
        self._heartbeat.note("backend_failures", str(self._failed))
        self._log.warning("a backend failed", backend=candidate.name, problem=str(trouble), then=candidate.fate())

    def _story(self, backend: str | None) -> str:
        return "; ".join(candidate.fate() for candidate in self._failover.failed_before(backend))

    def _show(self, backend: str) -> None:
        story = self._story(backend)
        if story:
            shown = f"{backend} since {story}"
        elif backend == next(iter(self._candidates)):
            shown = f"{backend}, as the home has set" if backend == self._preferred else self._why
        else:
            # The best is late, or still loads.
            return
        reason = self._preferred or self._why
        if (backend, reason) != self._logged:
            self._log.info("backend chosen", backend=backend, why=shown)
            self._logged = backend, reason
        self.name = backend
        self._heartbeat.note("backend", shown)


def _in_order(choice: Choice) -> list[str]:
    return [*choice.ranked, *(() if REFERENCE in choice.ranked else (REFERENCE,))]
