"""Say of each lock what is retained: whether it may open at all, whether it is locked out, whether it waits."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event

from facewire.link import RedisAwayError
from iot_bridge.locks.evidence import Moment
from iot_bridge.locks.memory import Memory
from iot_bridge.locks.model import Lock, Unlocking
from iot_bridge.locks.payloads import state_publication
from iot_bridge.locks.record import is_locked_out, restored
from iot_bridge.locks.topics import LOCKED_OUT, PENDING, UNLOCKING, of_lock
from iot_bridge.topics import Publication, Topics


class States:
    """What was last said; only what changes is said again.

    Args:
        locks: returns the locks there are now.
        memory: the store.
        waits: says whether a lock waits for a second factor.
        say: sends; it must not wait.
        note: shows a line of text to the owner; an empty one takes it away.
        clock: tells the moment.
        topics: the bridge's own.
    """

    def __init__(
        self,
        locks: Callable[[], Mapping[str, Lock]],
        memory: Memory,
        waits: Callable[[str], bool],
        say: Callable[[Sequence[Publication]], None],
        note: Callable[[str], None],
        clock: Callable[[], Moment],
        topics: Topics,
    ) -> None:
        self._locks = locks
        self._memory = memory
        self._waits = waits
        self._say = say
        self._note = note
        self._clock = clock
        self._topics = topics
        self._said: dict[str, bool] = {}
        self._forgotten = Event()

    def forget(self) -> None:
        """Say everything again with the next look, from any thread: the broker may know nothing."""
        self._forgotten.set()

    def look(self) -> None:
        """Say what changed; while the store is away, nothing is known."""
        if self._forgotten.is_set():
            self._forgotten.clear()
            self._said.clear()
        try:
            states = {lock: self._of(lock, unlocking) for lock, unlocking in self._unlockable()}
        except RedisAwayError:
            return
        now = {of_lock(self._topics, lock, leaf): on for lock, state in states.items() for leaf, on in state.items()}
        gone = [Publication(topic, b"", retain=True) for topic in self._said if topic not in now]
        changed = [state_publication(topic, on=on) for topic, on in now.items() if self._said.get(topic) != on]
        self._say([*gone, *changed])
        self._said = now
        locked_out = [lock for lock, state in states.items() if state[LOCKED_OUT]]
        self._note(f"locked out after too many failures: {', '.join(locked_out)}" if locked_out else "")

    def _unlockable(self) -> list[tuple[str, Unlocking]]:
        return [(lock.name, lock.unlocking) for lock in self._locks().values() if lock.unlocking is not None]

    def _of(self, lock: str, unlocking: Unlocking) -> dict[str, bool]:
        now = self._clock()
        locked_out = is_locked_out(restored(self._memory.record(lock), now), unlocking, now)
        state = {UNLOCKING: self._memory.is_on(lock), LOCKED_OUT: locked_out}
        return state if unlocking.second_factor == "none" else state | {PENDING: self._waits(lock)}
