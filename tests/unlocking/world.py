"""A home in which anything may happen, driven by bytes: each two of them are one step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from iot_bridge.locks.audit import Audit
from iot_bridge.locks.doorkeeper import Doorkeeper, Factor
from iot_bridge.locks.line import LockLine
from iot_bridge.locks.memory import StoreMemory
from iot_bridge.locks.model import Evidence, Lock, Unlocking
from iot_bridge.locks.opening import Opener
from iot_bridge.topics import Topics

from facewire.messages import Identity, Track, Tracks
from tests.unlocking.fakes import FAULTS, PIN, SECOND, Broker, Clock, Fault, Shelf, Store, Wire

QUICK: dict[str, Any] = {"cooldown_s": 4, "failures": 2, "failures_within_s": 20, "lockout_s": 12}
LOCKS = {
    "front": Lock(
        "front", "topic", "open/front", Unlocking(("Ada", "Ben"), ("door",), Evidence(of_looks=(3, 4)), **QUICK)
    ),
    "gate": Lock(
        *("gate", "zigbee2mqtt", "gate"),
        Unlocking(("Ada",), ("door", "yard"), Evidence(of_looks=(2, 3)), "pin", **QUICK),
    ),
    "shed": Lock(
        *("shed", "tasmota", "shed"),
        Unlocking(("Ben",), ("yard",), Evidence(of_looks=(2, 2)), "confirm", **QUICK),
    ),
    "cellar": Lock("cellar", "esphome", "node/cellar"),
}


class Happened(NamedTuple):
    """One thing that the doorkeeper was told, and how the world was just then."""

    kind: str
    what: Any
    wall_ns: int
    steady_ns: int
    run: int
    broker: bool
    store: bool
    on: frozenset[str]
    ruled: frozenset[str]
    fault: str


@dataclass(slots=True)
class World:
    """Everything outside of the doorkeeper, and the doorkeeper."""

    clock: Clock = field(default_factory=Clock)
    fault: Fault = field(default_factory=Fault)
    history: list[Happened] = field(default_factory=list)
    opened: list[tuple[int, str, str, int]] = field(default_factory=list)
    """Each command: after which happening, which lock, for which camera and track."""
    ruled: frozenset[str] = frozenset(LOCKS)
    run: int = 0
    camera: str = "door"
    track: int = 1
    seq: int = 0
    size: float = 100.0
    said: list[Identity] = field(default_factory=list)
    shelf: Shelf | StoreMemory = field(default_factory=Shelf)
    line: Wire | LockLine = field(default_factory=Wire)
    on: set[str] = field(default_factory=lambda: {"front", "gate", "shed"})
    store: Store = field(init=False)
    broker: Broker = field(init=False)
    keeper: Doorkeeper = field(init=False)

    def __post_init__(self) -> None:
        for lock in self.on:
            self.shelf.switch(lock, on=True)
        self.shelf.set_pin("gate", PIN.decode())
        self.store = Store(self.clock, self.fault, self.shelf)
        self.broker = Broker(self.clock, self.fault, self.store, self.line)
        self.start()

    def start(self) -> None:
        """Start the bridge (again): what it held in memory is gone."""
        self.run += 1
        audit = Audit(self.store, lambda _decision: None)
        opener = Opener(self.store, self.broker, audit, self.clock, Topics("facewire", "door-pi"))
        # What hashing a PIN costs is its purpose; here it would be most of the time.
        self.keeper = Doorkeeper(
            *(lambda: LOCKS, lambda *_: self.ruled, self.store, opener, audit, self.clock),
            matches=lambda given, kept: given == kept.encode(),
        )

    def step(self, code: int, argument: int) -> None:
        """Let one thing happen."""
        ACTIONS[code % len(ACTIONS)](self, argument)

    # ---- what is seen

    def frame(self, state: Any = "confirmed", *tracks: int) -> None:
        self.seq += 1
        seen = tuple(
            Track(number, (0.0, 0.0, self.size, 1.5 * self.size), 0.9, state, 9, (0.0, 0.0))
            for number in tracks or (self.track,)
        )
        self.tell("show", Tracks(self.camera, self.seq, self.clock.wall_ns - SECOND // 50, seen))

    def look(self, **changes: Any) -> None:
        plain = Identity(
            *(self.camera, self.track, self.seq, self.clock.wall_ns - SECOND // 50, f"look-{len(self.said)}"),
            *("Ada", 0.7, 0.3, 0.9),
        )
        self.said.append(replace(plain, **changes))
        self.tell("look", self.said[-1])

    def see(self, **changes: Any) -> None:
        self.clock.pass_ns(SECOND // 5)
        self.frame()
        self.look(**changes)

    def factor(self, lock: str, payload: bytes, late_ns: int = 0) -> None:
        kind: Any = "pin" if lock == "gate" else "confirm"
        arrived_ns = self.clock.steady_ns
        self.clock.pass_ns(SECOND // 20 + late_ns)
        self.tell("factor", Factor(lock, kind, payload, arrived_ns))

    def tell(self, kind: str, what: Any) -> None:
        """Tell the doorkeeper, and write down what was told and what came of it."""
        self.history.append(
            Happened(
                *(kind, what, self.clock.wall_ns, self.clock.steady_ns, self.run),
                *(self.broker.is_there, self.store.is_there, frozenset(self.on), self.ruled, self.fault.kind),
            )
        )
        before = len(self.broker.sent)
        getattr(self.keeper, kind)(what)
        for decision in self.broker.sent[before:]:
            assert decision.camera is not None
            assert decision.track_id is not None
            self.opened.append((len(self.history) - 1, decision.lock, decision.camera, decision.track_id))


Action = Callable[[World, int], None]


def _photo(world: World, argument: int) -> None:
    world.see(live_score=(None, 0.0, 0.5, 0.79)[argument % 4])


def _attack(world: World, argument: int) -> None:
    """Hold a photo before the camera for a while, or somebody who is not quite alike."""
    for _ in range(2 + argument % 4):
        world.see(**({"live_score": 0.2}, {"similarity": 0.4}, {"margin": 0.0})[argument % 3])


def _stand(world: World, argument: int) -> None:
    """Be seen without being looked at; then perhaps somebody confirms."""
    for _ in range(1 + argument % 5):
        world.clock.pass_ns(SECOND * 2 // 3)
        world.frame()
    if argument % 2:
        _right(world, argument)


def _replay(world: World, argument: int) -> None:
    if world.said:
        world.tell("look", world.said[-1 - argument % min(8, len(world.said))])


def _reordered(world: World, argument: int) -> None:
    world.look(seq=max(0, world.seq - argument % 4), captured_ns=world.clock.wall_ns - (argument % 9) * SECOND // 4)


def _same_picture(world: World, _argument: int) -> None:
    if world.said:
        world.see(embedding_id=world.said[-1].embedding_id)


def _old(world: World, argument: int) -> None:
    world.see(captured_ns=world.clock.wall_ns - (argument % 30) * SECOND // 8)


def _slow_recognizer(world: World, argument: int) -> None:
    """Look at somebody new, first too late, then in time: too few looks, or just enough."""
    world.track += 1
    world.see(captured_ns=world.clock.wall_ns - SECOND - (argument % 16) * SECOND // 8)
    for _ in range(1 + argument % 3):
        world.see()


def _future(world: World, argument: int) -> None:
    world.see(captured_ns=world.clock.wall_ns + (1 + argument % 8) * SECOND // 8)


def _somebody(world: World, argument: int) -> None:
    world.see(name=("Ben", "Cyd", None, "Ben")[argument % 4])


def _weak(world: World, argument: int) -> None:
    world.see(**({"similarity": 0.49}, {"margin": 0.09}, {"similarity": 0.5, "margin": 0.1})[argument % 3])


def _small(world: World, argument: int) -> None:
    world.size = (79.0, 81.0)[argument % 2]
    world.see()
    world.size = 100.0


def _another(world: World, argument: int) -> None:
    world.track = 1 + (world.track if argument % 3 else argument // 3 % 3)


def _elsewhere(world: World, argument: int) -> None:
    world.camera = ("door", "yard", "hall")[argument % 3]


def _vanish(world: World, argument: int) -> None:
    world.clock.pass_ns(SECOND // 10)
    world.frame(("coasting", "tentative", "confirmed")[argument % 3], world.track if argument % 3 < 2 else 999)


def _only_look(world: World, argument: int) -> None:
    world.clock.pass_ns((argument % 16) * SECOND // 8)
    world.seq += 1
    world.look()


def _wait(world: World, argument: int) -> None:
    world.clock.pass_ns((SECOND // 4, SECOND, 2 * SECOND, 5 * SECOND, 9 * SECOND, 21 * SECOND)[argument % 6])


def _set_clock(world: World, argument: int) -> None:
    world.clock.wall_ns += (-3600, -2, -1, 1, 2, 3600)[argument % 6] * SECOND


def _broker(world: World, _argument: int) -> None:
    world.broker.is_there = not world.broker.is_there


def _store(world: World, _argument: int) -> None:
    world.store.is_there = not world.store.is_there


def _switch(world: World, argument: int) -> None:
    lock = ("front", "gate", "shed")[argument % 3]
    world.on ^= {lock}
    world.shelf.switch(lock, on=lock in world.on)


def _rule(world: World, argument: int) -> None:
    world.ruled = frozenset(LOCKS) - ({("front", "gate", "shed")[argument % 3]} if argument % 2 else set())


def _right(world: World, argument: int) -> None:
    world.factor(*(("gate", PIN), ("gate", PIN), ("shed", b""))[argument % 3])


def _wrong(world: World, argument: int) -> None:
    world.factor("gate", (b"135790", b"", b"\xff", PIN + b"1")[argument % 4])


def _late_factor(world: World, argument: int) -> None:
    world.factor("gate", PIN, (argument % 5) * SECOND)


def _good(world: World, argument: int) -> None:
    for _ in range(1 + argument % 4):
        world.see(name="Ben" if world.camera == "yard" and argument % 8 > 3 else "Ada")


_TABLE: list[tuple[int, Action]] = [
    (36, _good),
    (5, _right),
    (3, _wrong),
    (1, _late_factor),
    (3, _photo),
    (3, _attack),
    (3, _stand),
    (4, _replay),
    (3, _reordered),
    (2, _same_picture),
    (2, _old),
    (2, _slow_recognizer),
    (2, _future),
    (4, _somebody),
    (4, _weak),
    (2, _small),
    (6, _another),
    (2, _elsewhere),
    (2, _vanish),
    (2, _only_look),
    (6, _wait),
    (2, _set_clock),
    (2, _broker),
    (2, _store),
    (1, _switch),
    (1, _rule),
    (2, lambda world, _argument: world.start()),
    (3, lambda world, argument: setattr(world.fault, "kind", FAULTS[argument % len(FAULTS)])),
]
ACTIONS: list[Action] = [action for share, action in _TABLE for _ in range(share)]
