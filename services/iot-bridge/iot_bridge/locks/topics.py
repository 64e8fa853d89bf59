"""Name the topics of locks: `facewire/<node>/lock/<name>/...`."""

from dataclasses import dataclass

from iot_bridge.topics import Topics

DECISION = "decision"
"""What was decided; not retained."""
UNLOCKING = "unlocking"
"""`ON` while the lock may open at all; retained. `ON` and `OFF` to `unlocking/set` switch it."""
LOCKED_OUT = "locked_out"
"""`ON` after repeated failures; retained."""
PENDING = "pending"
"""`ON` while it waits for a second factor; retained."""
PIN, CONFIRM, SWITCH = "pin", "confirm", "unlocking/set"
"""Where the home is heard."""
CONFIRMED = b"CONFIRM"


@dataclass(frozen=True, slots=True)
class Heard:
    """Which lock a message is for, and what it is: one of `PIN`, `CONFIRM`, `SWITCH`."""

    lock: str
    leaf: str


def of_lock(topics: Topics, lock: str, leaf: str) -> str:
    """Name a topic of one lock."""
    return f"{topics.prefix}/{topics.node}/lock/{lock}/{leaf}"


def listened(topics: Topics) -> list[str]:
    """Match what is listened for, of every lock."""
    return [of_lock(topics, "+", leaf) for leaf in (PIN, CONFIRM, SWITCH)]


def heard(topics: Topics, topic: str) -> Heard | None:
    """Say what a message's topic means; None for one that is not listened for."""
    base = f"{topics.prefix}/{topics.node}/lock/"
    if not topic.startswith(base):
        return None
    lock, _, leaf = topic.removeprefix(base).partition("/")
    return Heard(lock, leaf) if leaf in (PIN, CONFIRM, SWITCH) else None
