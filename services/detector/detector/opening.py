"""Load a backend from its file, on the host whose files those are."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from detector.artifacts import Artifacts
from detector.backends import OPENERS, REFERENCE, Backend, BackendError
from detector.host import cpu_name
from detector.preparation import PreparationError, run_step


class Files:
    """The file of each backend.

    Args:
        artifacts: what is made from the model.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def loader(self, name: str) -> Callable[[], Backend]:
        """Return what loads a backend; it raises BackendError where that fails."""
        return self._reference if name == REFERENCE else lambda: self._load(name)

    def has(self, name: str) -> bool:
        """Say whether a backend's file is there."""
        return self._path(name).exists()

    def discard(self, name: str) -> None:
        """Remove a file that does not load (a power cut may leave one empty), so that it is made again."""
        self._path(name).unlink(missing_ok=True)

    def _reference(self) -> Backend:
        # The last resort must not fail for want of a file that takes a second to make.
        if self.has(REFERENCE):
            with suppress(BackendError):
                return self._load(REFERENCE)
            self.discard(REFERENCE)
        try:
            run_step("static")
        except PreparationError as error:
            raise BackendError(str(error)) from error
        return self._load(REFERENCE)

    def _load(self, name: str) -> Backend:
        return OPENERS[name](self._path(name), self._artifacts.threads)

    def _path(self, name: str) -> Path:
        return self._artifacts.static_model if name == REFERENCE else self._artifacts.library(cpu_name())
