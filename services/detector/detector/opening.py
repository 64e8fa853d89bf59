"""Load a backend from its file, on the host whose file that is."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from detector import sealing
from detector.artifacts import Artifacts
from detector.backends import KINDS, REFERENCE, Backend, BackendError
from detector.dependencies import Host, host_lines, state_of
from detector.host import cpu_name
from detector.isolating import Isolation
from detector.preparation import PreparationError, run_step


@dataclass(frozen=True, slots=True)
class Opening:
    """One try to load a backend; `load` in the thread that will use it, `abort` from any to end what hangs."""

    load: Callable[[], Backend]
    abort: Callable[[], None] = lambda: None


def opening(name: str, path: Path, threads: int) -> Opening:
    """Return how a backend is loaded from a file: here, or in a process of its own where it drives a device."""
    kind = KINDS[name]
    if kind.isolated:
        isolation = Isolation(name, path, threads)
        return Opening(isolation.load, isolation.abort)
    return Opening(lambda: kind.open(path, threads))


class Files:
    """The file of each backend.

    Args:
        artifacts: what is made from the model.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def opening(self, name: str) -> Opening:
        """Return how to load a backend now; it raises BackendError where that fails."""
        if name == REFERENCE:
            return Opening(self._reference)
        opened = opening(name, self.path(name), self._artifacts.threads)

        def load() -> Backend:
            self._require_intact(name)
            return opened.load()

        return Opening(load, opened.abort)

    def has(self, name: str) -> bool:
        """Say whether a backend's file is there."""
        return self.path(name).exists()

    @property
    def choice(self) -> Path:
        """Where the choice is kept that was made with everything as it is now."""
        from detector.settings import library_environment  # noqa: PLC0415  an isolated backend needs no settings

        return self._artifacts.choice(cpu_name(), self.dependencies(Host(environment=library_environment())))

    def dependencies(self, host: Host) -> list[str]:
        """Return the state of all that measured times depend on, one line each."""
        lines = list(host_lines())
        for name, kind in KINDS.items():
            lines += [f"{name} {line}" for line in (self._file_line(name), *kind.depends.lines(host))]
        return lines

    def _file_line(self, name: str) -> str:
        path = self.path(name)
        if not path.exists():
            return f"no file {path.name}"
        # A made file counts by its seal: it is made anew with the same content where nothing else changed.
        return f"file {path.name} {sealing.sealed(path)}" if self._made(name) else f"file {state_of(path)}"

    def discard(self, name: str) -> None:
        """Remove a file that does not load (a power cut may leave one empty), so that it is made again."""
        if self._made(name):
            sealing.remove(self.path(name))

    def path(self, name: str) -> Path:
        """Name the file that a backend loads."""
        return self._artifacts.file(name, cpu_name())

    def _reference(self) -> Backend:
        # The last resort must not fail for want of a file that takes a second to make.
        if self.has(REFERENCE):
            with suppress(BackendError):
                return self._load_reference()
            self.discard(REFERENCE)
        try:
            run_step("static")
        except PreparationError as error:
            raise BackendError(str(error)) from error
        return self._load_reference()

    def _load_reference(self) -> Backend:
        self._require_intact(REFERENCE)
        return KINDS[REFERENCE].open(self.path(REFERENCE), self._artifacts.threads)

    def _require_intact(self, name: str) -> None:
        path = self.path(name)
        if not path.exists():
            raise BackendError(KINDS[name].missing)
        if self._made(name) and not sealing.is_intact(path):
            raise BackendError(f"{path.name} is not as it was made")

    def _made(self, name: str) -> bool:
        """Say whether the file is one that we make; else it is a model, which the manifest's hash guards."""
        return self.path(name).parent == self._artifacts.cache
