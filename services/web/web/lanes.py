"""Share the worker's threads among requests by the server that they need.

A Redis server that hangs holds the threads of its own lane only: the page, its files and `/healthz` need none.
"""

import queue
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from urllib.parse import unquote_to_bytes

from web.connections import Connection

MAX_QUEUED = 128
"""Requests of one lane that wait for a thread; all lanes together stay far below the limit of connections."""
MAX_QUEUED_S = 10.0
"""Nobody waits for the answer of an older request."""
HEALTH_THREADS = 1
PAGE_THREADS = 3
STORE_THREADS = 6
# A path ends with the application's own path, whatever prefix a proxy or a header puts before it.
HEALTH = re.compile(rb"/healthz\Z")
PAGE = re.compile(rb"(?:/|/static/[\w-]+\.(?:js|css|svg))\Z")
STORE = re.compile(rb"(?:/api/(?:events|decisions)|/events/[^/]*/snapshot\.jpg)\Z")


@dataclass(frozen=True, slots=True)
class Job:
    """A whole request that waits for a thread."""

    connection: Connection
    request: bytes
    since_s: float

    def is_late(self, now_s: float) -> bool:
        """Say whether it waited too long to be answered."""
        return now_s - self.since_s > MAX_QUEUED_S


@dataclass(eq=False, slots=True)
class Lane:
    """Requests of one kind and the threads that answer them.

    Args:
        path: matches the end of the paths that belong to it.
        most_threads: as many are answered at once.
    """

    path: re.Pattern[bytes]
    most_threads: int
    _jobs: queue.SimpleQueue[Job] = field(default_factory=queue.SimpleQueue)
    _threads: list[Thread] = field(default_factory=list)
    _unanswered: int = 0

    def put(self, job: Job, serve: Callable[["Lane"], None]) -> bool:
        """Queue a request and start a thread where one is missing; False if too many wait.

        Args:
            job: the request.
            serve: what a thread runs.
        """
        if self._unanswered >= self.most_threads + MAX_QUEUED:
            return False
        self._unanswered += 1
        self._jobs.put(job)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < min(self._unanswered, self.most_threads):
            thread = Thread(target=serve, args=(self,), name="http", daemon=True)
            self._threads.append(thread)
            thread.start()
        return True

    def get(self) -> Job:
        """Wait for the next request; called in a thread."""
        return self._jobs.get()

    def answered(self) -> None:
        """Count a request as answered; called in the loop."""
        self._unanswered -= 1


class Lanes:
    """Chooses a request's lane.

    Args:
        threads: of all lanes together.
    """

    def __init__(self, threads: int) -> None:
        rest = threads - HEALTH_THREADS - PAGE_THREADS - STORE_THREADS
        self._lanes = (
            Lane(HEALTH, HEALTH_THREADS),
            Lane(PAGE, PAGE_THREADS),
            Lane(STORE, STORE_THREADS),
            Lane(re.compile(b""), max(1, rest)),
        )

    def choose(self, request: bytes) -> Lane:
        """Return the lane of a request."""
        target = request.partition(b"\r\n")[0].split(b" ")[1:2]
        path = unquote_to_bytes(target[0].partition(b"?")[0]) if target else b""
        return next(lane for lane in self._lanes if lane.path.search(path))

    def put(self, connection: Connection, request: bytes, serve: Callable[[Lane], None]) -> Lane | None:
        """Queue a request; None if too many of its lane wait."""
        lane = self.choose(request)
        return lane if lane.put(Job(connection, request, time.monotonic()), serve) else None
