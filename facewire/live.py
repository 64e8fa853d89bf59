"""A file that people edit, as it is now: read again whenever it changes, and what was good kept while it is wrong."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.marked import LIMIT_BYTES, MarkedError
from facewire.metrics import Metrics
from facewire.service import S, Service, keep_running

T = TypeVar("T")

LOOK_EVERY_S = 0.5
STAYS_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """How a file is read, and how that is told.

    Args:
        name: what note, metrics and log call it.
        path: the file.
        read: returns what it says; raises MarkedError or OSError.
        nothing: what holds where there was no file at the start.
        summary: says in a note what holds; empty for no note.
        difference: says in one line what changed from one to the other.
    """

    name: str
    path: Path
    read: Callable[[Path], T]
    nothing: T
    summary: Callable[[T], str]
    difference: Callable[[T, T], str]


class LiveFile(Generic[T]):
    """What a file says now, for every thread.

    A change counts once the file has stayed as it is for a second: an editor may be writing it, and the first half of
    a file may be right, too.

    Args:
        reading: how to read it.
        first: what it said at the start.
        heartbeat: shows what holds, or what is wrong with the file.
        metrics: counts.
        log: told of each change.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        reading: Reading[T],
        first: T,
        heartbeat: Heartbeat,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reading = reading
        self._now = first
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._looked_s = self._seen_s = float("-inf")
        # Not yet known: a change between the start and the first look must not be missed.
        self._settled: object = object()
        self._seen: object = None
        self._complaint = ""
        self._note()

    @property
    def now(self) -> T:
        """What holds now; one value, so ask once for each decision."""
        return self._now

    def look(self) -> bool:
        """Look at the file, about twice a second however often this is called; True if what it says changed."""
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        found = _content(self._reading.path)
        if found != self._seen:
            self._seen, self._seen_s = found, now_s
        if found == self._settled or now_s - self._seen_s < STAYS_S:
            return False
        return self._read(found)

    def read_again(self) -> None:
        """Read the file with the next look even if it is as it was, since what it is checked against has changed."""
        self._settled = object()

    def _read(self, found: object) -> bool:
        try:
            value, mistake = self._reading.read(self._reading.path), ""
        except MarkedError as error:
            value, mistake = self._now, str(error)
        except OSError as error:
            # Where there was none at the start, that there is still none is no news.
            missed = self._now != self._reading.nothing or self._complaint
            value = self._now
            mistake = f"{self._reading.path} cannot be read ({error.strerror})" if missed else ""
        if _content(self._reading.path) != found:
            # Somebody began to write between the look and the reading.
            return False
        self._settled = found
        return self._keep(mistake) if mistake else self._take(value)

    def _take(self, value: T) -> bool:
        changed, before = value != self._now, self._now
        mended, self._complaint = bool(self._complaint), ""
        if changed:
            self._now = value
        self._note()
        if changed or mended:
            name = self._reading.name
            self._log.info(f"{name}: read again", changed=self._reading.difference(before, value) or "nothing")
            self._metrics.count(f"{name}_read")
        return changed

    def _keep(self, mistake: str) -> bool:
        if mistake != self._complaint:
            self._complaint = mistake
            self._note()
            self._log.warning(f"{self._reading.name}: a mistake; what was good stays", mistake=mistake)
            self._metrics.error(self._reading.name)
        return False

    def _note(self) -> None:
        kept = f"as before, since {self._complaint}" if self._complaint else self._reading.summary(self._now)
        self._heartbeat.note(self._reading.name, kept)


def keep_looking(service: Service[S], live: LiveFile[T]) -> None:
    """Look at a file in a thread of its own for as long as the service runs."""

    def look() -> None:
        while not service.stop.wait(LOOK_EVERY_S):
            live.look()
            service.heartbeat.beat()

    Thread(target=keep_running, args=(service, look), name="file", daemon=True).start()


def changes(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say which things of one kind are new, changed and gone, by their names."""
    kinds = {
        "new": [name for name in after if name not in before],
        "changed": [name for name in before if name in after and before[name] != after[name]],
        "gone": [name for name in before if name not in after],
    }
    return ", ".join(f"{what} {name} {kind}" for kind, names in kinds.items() for name in names)


def _content(path: Path) -> tuple[object, ...]:
    try:
        status = path.stat()
        with path.open("rb") as file:
            return status.st_ino, status.st_mtime_ns, file.read(LIMIT_BYTES + 1)
    except OSError as error:
        return (error.errno,)
