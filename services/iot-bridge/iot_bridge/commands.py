"""Take commands from the connection's thread, and understand them in another, where the store may be waited for."""

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from time import monotonic

from facewire.log import Log, Seldom
from facewire.metrics import Metrics
from iot_bridge.switches import Choices, Command, RefusedError, understood
from iot_bridge.topics import Topics

MOST_WAITING = 64
FRESH_S = 5.0
"""Later than this whoever commanded has given up, and may have done something else about it."""
LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as it came, and when: to a camera, or to the node (empty)."""

    camera: str
    name: str
    payload: bytes
    heard_s: float


class Commands:
    """The commands that wait.

    Args:
        topics: names of topics.
        metrics: counts what is refused.
        log: told the same, once a minute for each reason.
        clock: seconds that only go forward.
    """

    def __init__(self, topics: Topics, metrics: Metrics, log: Log, clock: Callable[[], float] = monotonic) -> None:
        self._topics = topics
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._seldom = Seldom()
        self._waiting: Queue[Asked] = Queue(MOST_WAITING)

    def hear(self, topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001  as the broker says it
        """Take in a message of a command's topic; one that the broker had kept is of another time, and not obeyed."""
        found = self._topics.command_of(topic)
        if found is None:
            return
        if kept:
            self._refuse("retained_command", f"{topic[:LONGEST_SHOWN]} was retained; publish without the retain flag")
            return
        try:
            self._waiting.put_nowait(Asked(*found, payload, self._clock()))
        except Full:
            self._refuse("too_many_commands", f"more than {MOST_WAITING} commands wait")

    def next(self, within_s: float) -> Asked | None:
        """Return the next command; None if none comes in time."""
        try:
            return self._waiting.get(timeout=within_s)
        except Empty:
            return None

    def understood(self, asked: Asked, choices: Choices) -> Command | None:
        """Return what a command asks for; None if that makes no sense, or no more, which is counted."""
        if self._clock() - asked.heard_s > FRESH_S:
            self._refuse("late_command", f"a command had to wait for more than {FRESH_S:g} s")
            return None
        try:
            return understood(asked.camera, asked.name, asked.payload, choices)
        except RefusedError as error:
            self._refuse(error.reason, str(error))
            return None

    def _refuse(self, reason: str, problem: str) -> None:
        self._metrics.rejected(reason)
        if self._seldom.due(reason, self._clock()):
            self._log.warning("command refused", problem=problem)
