"""Write every decision down and tell the home of it; what is refused again and again for one reason, once."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from facewire.audit import Decision, Reason, Verdict
from facewire.link import RedisAwayError
from iot_bridge.locks.commands import Word
from iot_bridge.locks.evidence import NS_PER_S, Moment
from iot_bridge.locks.memory import Memory

AGAIN_NS = 10 * NS_PER_S
SUBJECTS_KEPT = 1024
BACKLOG = 256


@dataclass(frozen=True, slots=True)
class Subject:
    """What a decision is about."""

    lock: str
    word: Word = "UNLOCK"
    camera: str | None = None
    track_id: int | None = None
    person: str | None = None
    captured_ns: int | None = None


@dataclass(slots=True)
class _Said:
    last: Reason | None = None
    at_ns: dict[Reason, int] = field(default_factory=dict)


class Audit:
    """The audit log, from any thread.

    Args:
        memory: where it is kept.
        tell: says a decision to the home; it must not wait.
    """

    def __init__(self, memory: Memory, tell: Callable[[Decision], None]) -> None:
        self._memory = memory
        self._tell = tell
        self._said: OrderedDict[tuple[str, str | None, int | None], _Said] = OrderedDict()
        self._backlog: deque[Decision] = deque(maxlen=BACKLOG)
        self._lock = Lock()

    def refuse(self, subject: Subject, reason: Reason, now: Moment) -> None:
        """Write a refusal down, unless it is the last of this face again, or flickers."""
        with self._lock:
            if self._is_news(subject, reason, now):
                self._write(decision(subject, "refused", reason, now))

    def state(self, subject: Subject, verdict: Verdict, reason: Reason, now: Moment, name: str = "") -> None:
        """Write a decision down now, or as soon as the store is there.

        Args:
            subject: what it is about.
            verdict: what was decided.
            reason: why.
            now: when.
            name: the decision's id, if it follows from one.
        """
        with self._lock:
            self._write(decision(subject, verdict, reason, now, name))

    def flush(self) -> None:
        """Write down what could not be."""
        with self._lock:
            self._flush()

    def _is_news(self, subject: Subject, reason: Reason, now: Moment) -> bool:
        key = (subject.lock, subject.camera, subject.track_id)
        said = self._said.setdefault(key, _Said())
        self._said.move_to_end(key)
        if len(self._said) > SUBJECTS_KEPT:
            self._said.popitem(last=False)
        last, said.last = said.last, reason
        if last == reason or now.steady_ns - said.at_ns.get(reason, -AGAIN_NS) < AGAIN_NS:
            return False
        said.at_ns[reason] = now.steady_ns
        return True

    def _write(self, made: Decision) -> None:
        self._tell(made)
        self._backlog.append(made)
        self._flush()

    def _flush(self) -> None:
        while self._backlog:
            try:
                self._memory.write(self._backlog[0])
            except RedisAwayError:
                return
            self._backlog.popleft()


def decision(subject: Subject, verdict: Verdict, reason: Reason, now: Moment, name: str = "") -> Decision:
    """Put into words what was decided."""
    return Decision(
        id=name or f"{subject.lock}-{now.wall_ns:x}",
        lock=subject.lock,
        command=subject.word,
        verdict=verdict,
        reason=reason,
        at_ns=now.wall_ns,
        person=subject.person,
        camera=subject.camera,
        track_id=subject.track_id,
        captured_ns=subject.captured_ns,
    )
