"""Hold the backend that is in use: at once one that works, then the fastest as soon as it is known."""

from contextlib import suppress
from pathlib import Path
from threading import Event

from detector.artifacts import Artifacts
from detector.backends import OPENERS, REFERENCE, Backend, BackendError
from detector.host import cpu_name
from detector.measuring import Choice, load
from detector.preparation import Background, PreparationError, run_step
from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.service import OperatorError

LOOK_EVERY_S = 0.2


class BackendInUse:
    """The backend that detects now.

    With `auto` and a host that was never measured, the reference detects while a low-priority process
    compiles and measures; its choice is taken over when it ends. A file that does not load (a power cut
    may leave one empty) is made again.

    Args:
        wanted: `auto`, or the only backend that the operator allows.
        artifacts: the model's files.
        log: told what was chosen, and why.
        heartbeat: shows the same to the dashboard.
        stop: ends the wait for the only backend's files, and with it the process.
    """

    def __init__(self, wanted: str, artifacts: Artifacts, log: Log, heartbeat: Heartbeat, stop: Event) -> None:
        self._artifacts = artifacts
        self._log = log
        self._heartbeat = heartbeat
        self._stop = stop
        self._background = Background()
        self._backend = self._first(wanted)

    def now(self) -> Backend:
        """Return the backend to use for the next frame."""
        if self._background.just_ended():
            choice = load(self._artifacts.choice(cpu_name()))
            better = self._take(choice) if choice is not None else None
            if better is not None:
                self._backend = better
            else:
                self._show(self._backend.name, f"{self._backend.name}, since no other could be made ready")
        return self._backend

    def close(self) -> None:
        """End the background process, if any."""
        self._background.stop()

    def _first(self, wanted: str) -> Backend:
        if wanted != "auto":
            return self._only(wanted)
        choice = load(self._artifacts.choice(cpu_name()))
        backend = self._take(choice) if choice is not None else None
        if backend is not None:
            return backend
        backend = self._reference()
        self._show(REFERENCE, f"{REFERENCE} while the others are measured")
        # Only now: the background must not make the static model at the same time.
        self._background.start()
        return backend

    def _only(self, wanted: str) -> Backend:
        try:
            backend = self._reference() if wanted == REFERENCE else self._made(wanted)
        except BackendError as error:
            raise OperatorError(f"DETECTOR_BACKEND: {wanted} cannot be used here ({error}); try auto") from error
        self._show(wanted, f"{wanted}, as DETECTOR_BACKEND says")
        return backend

    def _made(self, wanted: str) -> Backend:
        """Return a backend as soon as its files are made."""
        self._heartbeat.waiting("model", f"the model to be made ready for {wanted}")
        self._prepare()
        try:
            backend = self._open(wanted)
        except BackendError:
            # Once more, and the model that it is made from too.
            self._reference()
            self._prepare()
            backend = self._open(wanted)
        self._heartbeat.ready("model")
        return backend

    def _prepare(self) -> None:
        # A minute on a Pi: the heart beats on, and a signal is heeded.
        self._background.start()
        while not self._background.just_ended():
            self._heartbeat.beat()
            if self._stop.wait(LOOK_EVERY_S):
                self._background.stop()
                raise SystemExit(0)

    def _take(self, choice: Choice) -> Backend | None:
        """Return the chosen backend, None if it does not load."""
        for row in choice.rows:
            self._log.info("backend measured", **{field: getattr(row, field) for field in row.__slots__})
        try:
            backend = self._open(choice.chosen)
        except BackendError:
            return None
        self._show(backend.name, str(choice))
        return backend

    def _reference(self) -> Backend:
        try:
            if self._path(REFERENCE).exists():
                with suppress(BackendError):
                    return self._open(REFERENCE)
            run_step("static")
            return self._open(REFERENCE)
        except (PreparationError, BackendError) as error:
            raise OperatorError(f"the model cannot be used: {error}") from error

    def _open(self, name: str) -> Backend:
        """Load a backend; a file that does not load is removed, so that it is made again.

        Raises:
            BackendError: it does not load.
        """
        path = self._path(name)
        try:
            return OPENERS[name](path, self._artifacts.threads)
        except BackendError as error:
            self._log.warning("a backend does not load", backend=name, problem=str(error))
            path.unlink(missing_ok=True)
            raise

    def _path(self, name: str) -> Path:
        return self._artifacts.static_model if name == REFERENCE else self._artifacts.library(cpu_name())

    def _show(self, name: str, why: str) -> None:
        self._log.info("backend chosen", backend=name, why=why)
        self._heartbeat.note("backend", why)
