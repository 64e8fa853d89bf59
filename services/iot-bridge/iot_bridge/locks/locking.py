"""Lock a door because of an event: needs no identity, and is dropped once it is late."""

from collections.abc import Callable

from facewire.audit import Reason, Verdict
from facewire.link import RedisAwayError
from facewire.messages import FaceEvent
from iot_bridge.locks.audit import Audit, Subject
from iot_bridge.locks.commands import command
from iot_bridge.locks.evidence import AHEAD_NS, NS_PER_S, Moment
from iot_bridge.locks.memory import Memory
from iot_bridge.locks.model import Lock
from iot_bridge.locks.opening import EXPIRES_NS, VERDICTS, Line
from iot_bridge.topics import Topics

FRESH_NS = 10 * NS_PER_S


class Locker:
    """Locks, from any thread.

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

    def lock(self, lock: Lock, event: FaceEvent) -> None:
        """Lock, once for each event, if the event is fresh and the broker is there; else say why not."""
        now = self._clock()
        person = None if event.identity is None else event.identity.name
        subject = Subject(lock.name, "LOCK", event.camera, event.track_id, person, event.at_ns)
        name = f"{lock.name}-{event.id}"[:128]
        try:
            if not self._memory.claim(f"LOCK:{lock.name}:{event.id}"):
                # It was delivered before.
                return
        except RedisAwayError:
            self._audit.state(subject, "refused", "store_away", now, name)
            return
        verdict, reason = self._locked(lock, event, name, now)
        self._audit.state(subject, verdict, reason, self._clock(), name)

    def _locked(self, lock: Lock, event: FaceEvent, name: str, now: Moment) -> tuple[Verdict, Reason]:
        if not -AHEAD_NS <= now.wall_ns - event.at_ns <= FRESH_NS:
            return "refused", "late_event"
        expires_ns = now.wall_ns + EXPIRES_NS
        message = command(lock, "LOCK", name, expires_ns, self._topics)
        return VERDICTS[self._line.send(message, name, expires_ns)]
