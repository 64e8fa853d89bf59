"""Stand-ins for clock, store and broker at the boundary of the locks' code, which fail in the ways that those do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_bridge.locks.evidence import Moment
from iot_bridge.locks.line import LockLine
from iot_bridge.locks.memory import StoreMemory
from iot_bridge.locks.model import Unlocking
from iot_bridge.locks.opening import Outcome
from iot_bridge.topics import Publication

from facewire.audit import Decision
from facewire.link import RedisAwayError

START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
NOW = Moment(START_NS, 100 * SECOND, "boot")
UNLOCKING = Unlocking(("Ada", "Ben"), ("door",))
PIN = b"246810"
FAULTS_OF_CLAIMS = ("claim_fails", "claim_lost", "slow", "slower", "jump")
FAULTS = (*FAULTS_OF_CLAIMS, "grant_fails", "grant_lost", "hung", "away", "unconfirmed")
"""What may go wrong once, between a verdict and the broker's confirmation."""


@dataclass(slots=True)
class Clock:
    """Two clocks; only the one on the wall can be set."""

    wall_ns: int = START_NS
    steady_ns: int = SECOND

    def __call__(self) -> Moment:
        return Moment(self.wall_ns, self.steady_ns, "boot")

    def pass_ns(self, ns: int) -> None:
        self.wall_ns += ns
        self.steady_ns += ns


@dataclass(slots=True)
class Fault:
    """The next thing that goes wrong; "" is nothing."""

    kind: str = ""

    def takes(self, *kinds: str) -> str:
        """Return the fault if it is one of these; it is over then."""
        if self.kind not in kinds:
            return ""
        kind, self.kind = self.kind, ""
        return kind


@dataclass(slots=True)
class Shelf:
    """A store in memory that never fails."""

    on: set[str] = field(default_factory=set)
    records: dict[str, Mapping[str, str]] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)
    log: list[Decision] = field(default_factory=list)
    pins: dict[str, str] = field(default_factory=dict)

    def is_on(self, lock: str) -> bool:
        return lock in self.on

    def switch(self, lock: str, *, on: bool) -> None:
        (self.on.add if on else self.on.discard)(lock)

    def record(self, lock: str) -> Mapping[str, str]:
        return self.records.get(lock, {})

    def keep(self, lock: str, fields: Mapping[str, str]) -> None:
        self.records[lock] = fields

    def claim(self, decision: str) -> bool:
        is_new = decision not in self.claims
        self.claims.add(decision)
        return is_new

    def grant(self, lock: str, fields: Mapping[str, str], decision: Decision) -> None:
        self.records[lock] = fields
        self.log.append(decision)

    def write(self, decision: Decision) -> None:
        self.log.append(decision)

    def pin(self, lock: str) -> str:
        return self.pins.get(lock, "")

    def set_pin(self, lock: str, kept: str) -> None:
        self.pins[lock] = kept


@dataclass(slots=True)
class Store:
    """A `Memory` that outlives the bridge, and is away at times."""

    clock: Clock
    fault: Fault
    inner: Shelf | StoreMemory
    is_there: bool = True
    log: list[Decision] = field(default_factory=list)

    def is_on(self, lock: str) -> bool:
        self._ask()
        return self.inner.is_on(lock)

    def switch(self, lock: str, *, on: bool) -> None:
        self._ask()
        self.inner.switch(lock, on=on)

    def record(self, lock: str) -> Mapping[str, str]:
        self._ask()
        return self.inner.record(lock)

    def keep(self, lock: str, fields: Mapping[str, str]) -> None:
        self._ask()
        self.inner.keep(lock, fields)

    def claim(self, decision: str) -> bool:
        self._ask()
        kind = self.fault.kind if self.fault.kind in FAULTS_OF_CLAIMS else ""
        if kind == "claim_fails":
            # Whether it would have been ours, nobody knows.
            raise RedisAwayError(self.fault.takes(kind))
        is_new = self.inner.claim(decision)
        if is_new and self.fault.takes(kind):
            self._go_wrong(kind)
        return is_new

    def grant(self, lock: str, fields: Mapping[str, str], decision: Decision) -> None:
        self._ask()
        kind = self.fault.takes("grant_fails", "grant_lost")
        if kind == "grant_fails":
            raise RedisAwayError(kind)
        self.inner.grant(lock, fields, decision)
        self.log.append(decision)
        if kind == "grant_lost":
            raise RedisAwayError(kind)

    def write(self, decision: Decision) -> None:
        self._ask()
        self.inner.write(decision)
        self.log.append(decision)

    def pin(self, lock: str) -> str:
        self._ask()
        return self.inner.pin(lock)

    def _go_wrong(self, kind: str) -> None:
        if kind == "claim_lost":
            raise RedisAwayError(kind)
        self.clock.pass_ns({"slow": SECOND // 2, "slower": 3 * SECOND}.get(kind, 0))
        if kind == "jump":
            self.clock.wall_ns -= SECOND

    def _ask(self) -> None:
        if not self.is_there:
            raise RedisAwayError("away")


class Wire:
    """A line that always works."""

    def announce(self, _decision: Decision) -> bool:
        return True

    def send(self, _publication: Publication, _decision: str, _expires_ns: int) -> Outcome:
        return "sent"


@dataclass(slots=True)
class Broker:
    """A `Line` that remembers which commands it was handed, and refuses what must not be."""

    clock: Clock
    fault: Fault
    store: Store
    inner: Wire | LockLine
    is_there: bool = True
    sent: list[Decision] = field(default_factory=list)
    """For each command that was handed over, the decision that it carries out."""

    def is_up(self) -> bool:
        return self.is_there

    def announce(self, decision: Decision) -> bool:
        return self.is_there and not self.fault.takes("hung") and self.inner.announce(decision)

    def send(self, publication: Publication, decision: str, expires_ns: int) -> Outcome:
        if not self.is_there or self.fault.takes("away"):
            return "away"
        granted = [each for each in self.store.log if each.id == decision and each.verdict == "granted"]
        assert len(granted) == 1, "a command without exactly one grant that was written down before"
        assert not publication.retain
        assert self.clock.wall_ns < expires_ns <= self.clock.wall_ns + 2 * SECOND
        self.sent.append(granted[0])
        outcome = self.inner.send(publication, decision, expires_ns)
        return "unconfirmed" if self.fault.takes("unconfirmed") else outcome
