"""Ask the page's questions once for all viewers, a thread per Redis server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any

import msgspec

from facewire.link import RedisAwayError, RedisRefusedError
from web.live import Update, Viewer

ASK_EVERY_S = 2.0
AWAY = "Redis is away; it is being waited for"
UNREADABLE = "what is stored cannot be read"

Questions = Mapping[str, Callable[[], Any]]
"""How each topic's answer is had; it may raise what `Link.once` raises."""


class Board:
    """Keeps the newest answers and hands them to every viewer.

    Args:
        groups: the questions of each server; a server that does not answer holds up its own group only.
    """

    def __init__(self, groups: Sequence[Questions]) -> None:
        self._groups = groups
        self._asking: list[Thread | None] = [None] * len(groups)
        self._viewers: set[Viewer] = set()
        self._latest: dict[str, Update] = {}
        self._stop = Event()
        self._lock = Lock()

    @contextmanager
    def reading(self, viewer: Viewer) -> Iterator[None]:
        """Hand the answers to a viewer until the block ends."""
        with self._lock:
            self._viewers.add(viewer)
            for update in self._latest.values():
                viewer.offer(f"/{update.topic}", update)
        self.keep_asking()
        try:
            yield
        finally:
            with self._lock:
                self._viewers.discard(viewer)
                if not self._viewers:
                    self._end()

    def keep_asking(self) -> None:
        """Start the threads that do not run, after an unforeseen error too."""
        with self._lock:
            for index, group in enumerate(self._groups):
                thread = self._asking[index]
                if thread is None or not thread.is_alive():
                    self._asking[index] = thread = Thread(
                        target=self._ask, args=(group, self._stop), name=f"board-{index}", daemon=True
                    )
                    thread.start()

    def _end(self) -> None:
        self._stop.set()
        self._stop = Event()
        self._asking = [None] * len(self._groups)
        # Whoever comes next must not be shown old answers.
        self._latest = {}

    def _ask(self, questions: Questions, stop: Event) -> None:
        while not stop.is_set():
            for topic, answer in questions.items():
                self._hand(_update(topic, answer), stop)
            stop.wait(ASK_EVERY_S)

    def _hand(self, update: Update, stop: Event) -> None:
        with self._lock:
            if stop.is_set():
                return
            self._latest[update.topic] = update
            for viewer in self._viewers:
                # No camera's name begins with a slash.
                viewer.offer(f"/{update.topic}", update)


def _update(topic: str, answer: Callable[[], Any]) -> Update:
    try:
        return Update(topic, msgspec.json.encode(answer()))
    except RedisAwayError:
        return Update(topic, problem=AWAY)
    except (RedisRefusedError, ValueError):
        return Update(topic, problem=UNREADABLE)
