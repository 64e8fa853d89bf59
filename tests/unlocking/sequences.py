"""Hold the doorkeeper against the oracle over many sequences of anything that may happen."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.unlocking.oracle import Opening, Oracle
from tests.unlocking.world import LOCKS, World

STEPS = 40


@dataclass(slots=True)
class Outcome:
    """What came of some sequences."""

    sequences: int = 0
    unlocks: int = 0
    forbidden: list[tuple[bytes, Opening]] = field(default_factory=list)
    missing: list[tuple[bytes, Opening]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, script: bytes, world: World | None = None) -> None:
        """Play one more sequence, in a world of its own or in this one, which must be new."""
        world = played(script, world or World())
        allowed, opened = Counter(Oracle(world.history, LOCKS).allowed()), Counter(world.opened)
        self.sequences += 1
        self.unlocks += opened.total()
        self.forbidden += [(script, opening) for opening in (opened - allowed).elements()]
        self.missing += [(script, opening) for opening in (allowed - opened).elements()]
        self.verdicts.update(decision.verdict for decision in world.store.log)
        self.reasons.update(decision.reason for decision in world.store.log)

    def merge(self, other: "Outcome") -> None:
        """Add what came of others."""
        self.sequences += other.sequences
        self.unlocks += other.unlocks
        self.forbidden += other.forbidden
        self.missing += other.missing
        self.verdicts += other.verdicts
        self.reasons += other.reasons


def played(script: bytes, world: World) -> World:
    """Return the world after a sequence; each two bytes are a step."""
    for code, argument in zip(script[::2], script[1::2], strict=False):
        world.step(code, argument)
    return world


def run_policy_sequences(count: int, seed: int) -> Outcome:
    """Play so many sequences that follow from a seed."""
    random, outcome = Random(seed), Outcome()
    for _ in range(count):
        outcome.add(random.randbytes(2 * random.randint(4, STEPS)))
    return outcome
