"""Hold the backend that is in use: at once one that works, then the fastest as soon as it is known."""

from detector.artifacts import Artifacts
from detector.backends import OPENERS, REFERENCE, Backend, BackendError
from detector.host import cpu_name
from detector.measuring import Choice, load
from detector.preparation import Background, PreparationError, prepare, run_step
from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.service import OperatorError


class BackendInUse:
    """The backend that detects now.

    With `auto` and a host that was never measured, the reference detects while a low-priority process
    compiles and measures; its choice is taken over when it ends.

    Args:
        wanted: `auto`, or the only backend that the operator allows.
        artifacts: the model's files.
        log: told what was chosen, and why.
        heartbeat: shows the same to the dashboard.
    """

    def __init__(self, wanted: str, artifacts: Artifacts, log: Log, heartbeat: Heartbeat) -> None:
        self._artifacts = artifacts
        self._log = log
        self._heartbeat = heartbeat
        self._background = Background()
        self._backend = self._first(wanted)

    def now(self) -> Backend:
        """Return the backend to use for the next frame."""
        if self._background.just_ended():
            choice = load(self._artifacts.choice(cpu_name()))
            if choice is None:
                self._log.warning("no backend could be measured; staying", backend=self._backend.name)
            else:
                self._backend = self._take(choice)
        return self._backend

    def close(self) -> None:
        """End the background process, if any."""
        self._background.stop()

    def _first(self, wanted: str) -> Backend:
        if wanted != "auto":
            return self._only(wanted)
        choice = load(self._artifacts.choice(cpu_name()))
        if choice is not None:
            return self._take(choice)
        self._background.start()
        self._show(REFERENCE, f"{REFERENCE} while the others are measured")
        return self._reference()

    def _only(self, wanted: str) -> Backend:
        self._heartbeat.waiting("model", f"the model to be made ready for {wanted}")
        try:
            prepare(self._artifacts, self._log.info)
            backend = self._open(wanted)
        except (PreparationError, BackendError) as error:
            raise OperatorError(f"DETECTOR_BACKEND: {wanted} cannot be used here ({error}); try auto") from error
        self._heartbeat.ready("model")
        self._show(wanted, f"{wanted}, as DETECTOR_BACKEND says")
        return backend

    def _take(self, choice: Choice) -> Backend:
        for row in choice.rows:
            self._log.info("backend measured", **{field: getattr(row, field) for field in row.__slots__})
        try:
            backend = self._open(choice.chosen)
        except BackendError as error:
            self._log.warning("the chosen backend does not load", backend=choice.chosen, problem=str(error))
            backend = self._reference()
        self._show(backend.name, str(choice))
        return backend

    def _reference(self) -> Backend:
        try:
            if not self._artifacts.static_model.exists():
                run_step("static")
            return self._open(REFERENCE)
        except (PreparationError, BackendError) as error:
            raise OperatorError(f"the model cannot be used: {error}") from error

    def _open(self, name: str) -> Backend:
        path = self._artifacts.static_model if name == REFERENCE else self._artifacts.library(cpu_name())
        return OPENERS[name](path, self._artifacts.threads)

    def _show(self, name: str, why: str) -> None:
        self._log.info("backend chosen", backend=name, why=why)
        self._heartbeat.note("backend", why)
