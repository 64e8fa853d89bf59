"""The line for lock commands: one connection after the other, so that none sends what an earlier one had not."""

from collections.abc import Callable, Sequence
from threading import Event, Lock
from time import monotonic

from facewire.audit import Decision
from facewire.heartbeat import Heartbeat
from facewire.log import Log, Seldom
from iot_bridge.dialling import address_of
from iot_bridge.locks.connection import Connection, Hear
from iot_bridge.locks.opening import Outcome
from iot_bridge.locks.payloads import decision_publication
from iot_bridge.locks.topics import listened
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics
from iot_bridge.troubles import dialling

ANSWERS_WITHIN_S = 0.5
CONFIRMS_WITHIN_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 10.0
LOOK_EVERY_S = 0.2
# MQTT 5, 3.4.2.1: from here on, the broker has refused.
FIRST_FAILURE = 0x80
NO_MATCHING_SUBSCRIBERS = 0x10
NOTE = "lock line"


class LockLine:
    """A line that is up, or is not.

    Args:
        settings: where the broker is, and who we are.
        topics: the bridge's own.
        hear: called with what the home says to locks: topic and payload.
        heartbeat: shows when it is not.
        log: told of refusals.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        topics: Topics,
        hear: Hear,
        heartbeat: Heartbeat,
        log: Log,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._hear = hear
        self._heartbeat = heartbeat
        self._log = log
        self._seldom = Seldom()
        self._connection: Connection | None = None
        # One command at a time.
        self._sending = Lock()

    def run(self, until: Event, on_up: Callable[[], None]) -> None:
        """Keep the line up until `until` is set.

        Args:
            until: ends it.
            on_up: called whenever the broker is there anew.
        """
        wait_s = FIRST_WAIT_S
        while not until.is_set():
            was_up = self._hold_one(until, on_up)
            wait_s = FIRST_WAIT_S if was_up else min(2 * wait_s, LONGEST_WAIT_S)
            until.wait(wait_s)

    def is_up(self) -> bool:
        """Say whether the broker is there at this instant."""
        connection = self._connection
        return connection is not None and connection.is_up

    def say(self, publications: Sequence[Publication]) -> None:
        """Send what may be lost."""
        connection = self._connection
        if connection is not None:
            for publication in publications:
                connection.say(publication)

    def tell(self, decision: Decision) -> None:
        """Say a decision; it may be lost."""
        self.say([decision_publication(decision, self._topics)])

    def announce(self, decision: Decision) -> bool:
        """Say a decision, and whether the broker has confirmed it at once: it is there, and not hung."""
        with self._sending:
            connection = self._connection
            if connection is None:
                return False
            handed_over = connection.hand_over(decision_publication(decision, self._topics))
            if handed_over is None:
                return False
            answered = connection.confirmation(handed_over, ANSWERS_WITHIN_S) is not None
            if not answered:
                self._drop(connection)
            return answered

    def send(self, publication: Publication, decision: str, expires_ns: int) -> Outcome:
        """Send a command, once, now or never."""
        with self._sending:
            connection = self._connection
            if connection is None:
                return "away"
            handed_over = connection.hand_over(publication, [("id", decision), ("expires", str(expires_ns))])
            if handed_over is None:
                # Nothing of it may be left in a queue.
                self._drop(connection)
                return "away"
            code = connection.confirmation(handed_over, CONFIRMS_WITHIN_S)
            if code is None:
                self._drop(connection)
                return "unconfirmed"
        if code >= FIRST_FAILURE:
            return "not_permitted"
        return "nobody_listens" if code == NO_MATCHING_SUBSCRIBERS else "sent"

    def _hold_one(self, until: Event, on_up: Callable[[], None]) -> bool:
        """Hold one connection for as long as it lasts; returns whether it was ever up."""
        connection = Connection(self._settings, listened(self._topics), self._hear)
        try:
            is_up = connection.open()
        except (OSError, ValueError) as error:
            self._note(str(dialling(error, self._settings)))
            return False
        try:
            if not is_up:
                self._note(connection.refusal or "no answer")
                return False
            self._heartbeat.note(NOTE, "")
            self._connection = connection
            on_up()
            self._wait_for_the_end(connection, until)
            return True
        finally:
            self._connection = None
            connection.close(abruptly=not until.is_set())
            if is_up and not until.is_set():
                self._note("the connection is gone")

    def _wait_for_the_end(self, connection: Connection, until: Event) -> None:
        while not until.is_set() and not connection.ended.wait(LOOK_EVERY_S):
            if not connection.is_up:
                return

    def _drop(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
        connection.close(abruptly=True)

    def _note(self, problem: str) -> None:
        where = address_of(self._settings)
        self._heartbeat.note(NOTE, f"down, so no lock opens: the MQTT broker at {where} ({problem})")
        if self._seldom.due(problem, monotonic()):
            self._log.warning("the line for lock commands is down", broker=where, reason=problem)
