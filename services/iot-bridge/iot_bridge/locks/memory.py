"""What must outlive the bridge, on the store: switches, records, claims, PINs, and the audit log."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from facewire import keys
from facewire.audit import Decision
from facewire.codec import encode
from facewire.link import Link, RedisAwayError, RedisRefusedError

R = TypeVar("R")

CLAIMED_FOR_S = 86_400
ON, OFF = "on", "off"


class Memory(Protocol):
    """What locks need of the store; a call that raises `RedisAwayError` may or may not have had its effect."""

    def is_on(self, lock: str) -> bool:
        """Say whether the owner has switched unlocking on."""

    def switch(self, lock: str, *, on: bool) -> None:
        """Switch unlocking on or off."""

    def record(self, lock: str) -> Mapping[str, str]:
        """Return what was kept of a lock."""

    def keep(self, lock: str, fields: Mapping[str, str]) -> None:
        """Keep it."""

    def claim(self, decision: str) -> bool:
        """Make a decision one's own; False if somebody did before."""

    def grant(self, lock: str, fields: Mapping[str, str], decision: Decision) -> None:
        """Keep what is known of a lock and write a decision down, both or neither."""

    def write(self, decision: Decision) -> None:
        """Write a decision down."""

    def pin(self, lock: str) -> str:
        """Return the hash of a lock's PIN, "" if it has none."""


class StoreMemory:
    """A `Memory` in Redis.

    Args:
        store: the store.
    """

    def __init__(self, store: Link) -> None:
        self._store = store

    def is_on(self, lock: str) -> bool:
        """Say whether the owner has switched unlocking on."""
        fields = [keys.unlocking(lock), keys.RECOGNITION]
        said: Any = self._once(lambda client: client.hmget(keys.CONTROLS, fields))
        # Who switches recognition off wants nobody recognized, here neither.
        return bool(said[0] == ON.encode() and said[1] != OFF.encode())

    def switch(self, lock: str, *, on: bool) -> None:
        """Switch unlocking on or off."""
        self._once(lambda client: client.hset(keys.CONTROLS, keys.unlocking(lock), ON if on else OFF))

    def record(self, lock: str) -> Mapping[str, str]:
        """Return what was kept of a lock."""
        fields: Any = self._once(lambda client: client.hgetall(keys.lock_record(lock)))
        return {_text(name): _text(value) for name, value in fields.items()}

    def keep(self, lock: str, fields: Mapping[str, str]) -> None:
        """Keep it."""
        self._once(lambda client: client.hset(keys.lock_record(lock), mapping=dict(fields)))

    def claim(self, decision: str) -> bool:
        """Make a decision one's own; False if somebody did before."""
        return bool(self._once(lambda client: client.set(keys.decided(decision), "1", nx=True, ex=CLAIMED_FOR_S)))

    def grant(self, lock: str, fields: Mapping[str, str], decision: Decision) -> None:
        """Keep what is known of a lock and write a decision down, both or neither."""

        def both(client: Any) -> None:  # noqa: ANN401  redis-py's client
            with client.pipeline(transaction=True) as pipe:
                pipe.hset(keys.lock_record(lock), mapping=dict(fields))
                _append(pipe, decision)
                pipe.execute()

        self._once(both)

    def write(self, decision: Decision) -> None:
        """Write a decision down."""
        self._once(lambda client: _append(client, decision))

    def pin(self, lock: str) -> str:
        """Return the hash of a lock's PIN, "" if it has none."""
        kept: Any = self._once(lambda client: client.hget(keys.PINS, lock))
        return _text(kept or b"")

    def set_pin(self, lock: str, kept: str) -> None:
        """Keep the hash of a lock's PIN; with "" it has none."""
        if kept:
            self._once(lambda client: client.hset(keys.PINS, lock, kept))
        else:
            self._once(lambda client: client.hdel(keys.PINS, lock))

    def _once(self, action: Callable[[Any], R]) -> R:
        try:
            return self._store.once(action)
        except RedisRefusedError as error:
            # Something else lies under the key: as good as no store.
            raise RedisAwayError(str(error)) from error


def _append(client: Any, decision: Decision) -> None:  # noqa: ANN401  redis-py's client, or its pipeline
    client.xadd(keys.AUDIT.key(), {keys.FIELD: encode(decision)}, maxlen=keys.AUDIT.maxlen, approximate=True)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
