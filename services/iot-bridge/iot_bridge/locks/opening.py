"""Open a lock for a face that may: asked for once, written down first, sent once, and never later than it is true."""

import hashlib
from collections.abc import Callable
from typing import Literal, Protocol

from facewire.audit import Decision, Reason, Verdict
from facewire.link import RedisAwayError
from iot_bridge.locks.audit import Audit, Subject, decision
from iot_bridge.locks.commands import command
from iot_bridge.locks.evidence import NS_PER_S, Moment
from iot_bridge.locks.memory import Memory
from iot_bridge.locks.model import Lock, Unlocking
from iot_bridge.locks.record import is_cooling_down, is_locked_out, opened, restored, stored
from iot_bridge.topics import Publication, Topics

EXPIRES_NS = 2 * NS_PER_S

Outcome = Literal["sent", "nobody_listens", "not_permitted", "unconfirmed", "away"]
"""`unconfirmed`: it was handed over, and nobody knows whether it arrived; `away`: it surely was not."""
VERDICTS: dict[Outcome, tuple[Verdict, Reason]] = {
    "sent": ("sent", "confirmed"),
    "nobody_listens": ("sent", "nobody_listens"),
    "not_permitted": ("refused", "not_permitted"),
    "unconfirmed": ("unconfirmed", "not_confirmed"),
    "away": ("refused", "broker_away"),
}


class Line(Protocol):
    """What locks need of the connection for commands."""

    def is_up(self) -> bool:
        """Say whether the broker is there at this instant."""

    def announce(self, decision: Decision) -> bool:
        """Say a decision, and whether the broker has confirmed it at once: it is there, and not hung."""

    def send(self, publication: Publication, decision: str, expires_ns: int) -> Outcome:
        """Send a command, once, now or never."""


class Opener:
    """Takes the last steps.

    Args:
        memory: the store.
        line: the connection.
        audit: the log.
        clock: tells the moment.
        topics: the bridge's own.
    """

    def __init__(self, memory: Memory, line: Line, audit: Audit, clock: Callable[[], Moment], topics: Topics) -> None:
        self._memory = memory
        self._line = line
        self._audit = audit
        self._clock = clock
        self._topics = topics

    def why_not(self, lock: Lock, unlocking: Unlocking, now: Moment, *, factor_given: bool) -> Reason | None:
        """Return why a lock must stay as it is though the face may open it (rules 11 to 15)."""
        if not self._line.is_up():
            return "broker_away"
        try:
            if not self._memory.is_on(lock.name):
                return "switched_off"
            record = restored(self._memory.record(lock.name), now)
        except RedisAwayError:
            return "store_away"
        reason: Reason | None = None
        if is_locked_out(record, unlocking, now):
            reason = "locked_out"
        elif is_cooling_down(record, unlocking, now):
            reason = "cooldown"
        elif unlocking.second_factor != "none" and not factor_given:
            reason = "second_factor"
        return reason

    def open(self, lock: Lock, subject: Subject, still_true: Callable[[Moment], bool], now: Moment) -> Reason | None:
        """Open the lock; returns why it was not tried.

        Args:
            lock: which.
            subject: for whom; its face is not asked for again once this returned None or `already_decided`.
            still_true: says whether all still holds at a later moment.
            now: the moment of the decision.
        """
        name = decision_id(lock.name, subject)
        granted = decision(subject, "granted", "all_fulfilled", now, name)
        try:
            if not self._memory.claim(name):
                return "already_decided"
        except RedisAwayError:
            return "store_away"
        try:
            kept = opened(restored(self._memory.record(lock.name), now), now)
            self._memory.grant(lock.name, stored(kept, now), granted)
        except RedisAwayError:
            self._audit.state(subject, "refused", "store_away", now, name)
            return None
        self._send(lock, subject, granted, still_true)
        return None

    def _send(self, lock: Lock, subject: Subject, granted: Decision, still_true: Callable[[Moment], bool]) -> None:
        answered = self._line.announce(granted)
        later = self._clock()
        if not answered:
            self._audit.state(subject, "refused", "broker_away", later, granted.id)
        elif not still_true(later):
            # The store or the broker took its time.
            self._audit.state(subject, "refused", "stale", later, granted.id)
        else:
            expires_ns = later.wall_ns + EXPIRES_NS
            message = command(lock, "UNLOCK", granted.id, expires_ns, self._topics)
            verdict, reason = VERDICTS[self._line.send(message, granted.id, expires_ns)]
            self._audit.state(subject, verdict, reason, self._clock(), granted.id)


def decision_id(lock: str, subject: Subject) -> str:
    """Name the decision to open a lock for a track: the same each time it is made."""
    what = f"{lock}\n{subject.camera}\n{subject.track_id}"
    return f"{lock}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
