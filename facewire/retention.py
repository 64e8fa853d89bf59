"""Keep the store within its memory: pictures of old events go first, then the oldest events and decisions.

`events` holds the newest events with their pictures; `history` continues it with older ones, without pictures.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import redis

from facewire import codec, keys
from facewire.messages import FaceEvent
from facewire.streams import Entry

USUAL_LIMIT_BYTES = 160 * 2**20
"""The limit of config/redis/store.conf: it is kept, too, where the server has none."""
SHARES = {keys.EVENTS: 0.5, keys.HISTORY: 0.15, keys.AUDIT: 0.2}
"""How much of the server's limit each stream may take; the rest is for all other keys, and for clients."""
FULL_SHARE = 0.9
"""Above this much of the limit, whoever filled it, events give way."""
SLACK = 1 / 32
"""By how much of its limit a stream is shortened beyond need, so that it is not shortened with every entry."""
BATCH_BYTES = 4 * 2**20
RELIEF_SHARE = 1 / 16
CHECK_EVERY_S = 30.0


@dataclass(slots=True)
class Retention:
    """When the streams of the store are to be shortened next.

    Args:
        clock: seconds that only go forward.
    """

    clock: Callable[[], float] = monotonic
    _checked_s: float = float("-inf")
    _appended_bytes: int = 0
    _step_bytes: int = 0

    def appended(self, size_bytes: int) -> None:
        """Count an entry that was appended."""
        self._appended_bytes += size_bytes

    @property
    def due(self) -> bool:
        """Whether `enforce` is due: after some time, or sooner after many bytes."""
        return self._appended_bytes >= self._step_bytes or self.clock() - self._checked_s >= CHECK_EVERY_S

    def enforce(self, client: redis.Redis) -> int:
        """Shorten each stream to its share; return the number of pictures and entries removed."""
        used_bytes, limit_bytes = _memory(client)
        allowed_bytes = _allowed_bytes(client, used_bytes, limit_bytes)
        removed = archive(client, allowed_bytes, full=used_bytes >= limit_bytes)
        for stream in (keys.HISTORY, keys.AUDIT):
            removed += _shorten(client, stream, round(SHARES[stream] * limit_bytes))
        self._checked_s, self._appended_bytes = self.clock(), 0
        self._step_bytes = round(SLACK * SHARES[keys.EVENTS] * limit_bytes)
        return removed


def archive(client: redis.Redis, allowed_bytes: int, *, full: bool = False) -> int:
    """Move the oldest events, without their pictures, to `history` until `events` is no larger than allowed.

    Args:
        client: the store.
        allowed_bytes: how large `events` may be.
        full: the server refuses to add anything until there is room: what is moved is removed first.
    """
    moved, size_bytes = 0, _size(client, keys.EVENTS)
    if size_bytes <= allowed_bytes:
        return 0
    goal_bytes = round(allowed_bytes * (1 - SLACK))
    removed: list[Entry] = []
    while size_bytes > goal_bytes and (entries := _oldest(client, size_bytes - goal_bytes, size_bytes)):
        if full:
            _remove(client, entries)
            removed += _without_pictures(entries)
        else:
            _move(client, entries)
        moved += len(entries)
        size_bytes = _size(client, keys.EVENTS)
    _copy_if_possible(client, removed)
    return moved


def relieve(client: redis.Redis) -> bool:
    """Make room on a store that is full; False if nothing is left that may go."""
    relief_bytes = round(RELIEF_SHARE * _memory(client)[1])
    size_bytes = _size(client, keys.EVENTS)
    if size_bytes <= relief_bytes:
        return any(_halve(client, stream) for stream in (keys.HISTORY, keys.EVENTS, keys.AUDIT))
    entries = _oldest(client, relief_bytes, size_bytes)
    _remove(client, entries)
    _copy_if_possible(client, _without_pictures(entries))
    return bool(entries)


def _allowed_bytes(client: redis.Redis, used_bytes: int, limit_bytes: int) -> int:
    share_bytes = round(SHARES[keys.EVENTS] * limit_bytes)
    excess_bytes = used_bytes - round(FULL_SHARE * limit_bytes)
    if excess_bytes <= 0:
        return share_bytes
    return max(0, min(share_bytes, _size(client, keys.EVENTS) - excess_bytes))


def _oldest(client: redis.Redis, excess_bytes: int, size_bytes: int) -> list[Entry]:
    """Return the oldest events that together are about as large as the excess, up to a batch."""
    mean_bytes = max(1, size_bytes // max(1, _length(client, keys.EVENTS)))
    count = 1 + min(excess_bytes, BATCH_BYTES) // mean_bytes
    entries: Any = client.xrange(keys.EVENTS.key(), count=count)
    return list(entries)


def _move(client: redis.Redis, entries: list[Entry]) -> None:
    with client.pipeline(transaction=True) as pipe:
        _copy(pipe, _without_pictures(entries))
        _remove(pipe, entries)
        pipe.execute()


def _copy_if_possible(client: redis.Redis, entries: list[Entry]) -> None:
    with suppress(redis.exceptions.OutOfMemoryError), client.pipeline(transaction=False) as pipe:
        _copy(pipe, entries)
        pipe.execute()


def _copy(client: redis.Redis, entries: list[Entry]) -> None:
    for entry_id, fields in entries:
        told: Any = fields
        client.xadd(keys.HISTORY.key(), told, id=entry_id.decode(), maxlen=keys.HISTORY.maxlen)


def _remove(client: redis.Redis, entries: list[Entry]) -> None:
    first, _, second = entries[-1][0].decode().partition("-")
    client.xtrim(keys.EVENTS.key(), minid=f"{first}-{int(second) + 1}", approximate=False)


def _without_pictures(entries: list[Entry]) -> list[Entry]:
    """Return the events without their pictures; what is no event is left out."""
    kept = []
    for entry_id, fields in entries:
        with suppress(codec.RejectedMessageError):
            event = codec.decode(fields.get(keys.FIELD, b""), FaceEvent)
            kept.append((entry_id, {keys.FIELD: codec.encode(replace(event, snapshot=None))}))
    return kept


def _shorten(client: redis.Redis, stream: keys.Stream, limit_bytes: int) -> int:
    """Remove a stream's oldest entries until it is no larger than the limit; return their number."""
    removed, size_bytes = 0, _size(client, stream)
    if size_bytes <= limit_bytes:
        return 0
    goal_bytes = round(limit_bytes * (1 - SLACK))
    while size_bytes > goal_bytes and (length := _length(client, stream)):
        # Entries differ in size: the mean says about how many fit.
        removed += _trim(client, stream, min(length - 1, length * goal_bytes // size_bytes))
        size_bytes = _size(client, stream)
    return removed


def _halve(client: redis.Redis, stream: keys.Stream) -> bool:
    return _trim(client, stream, _length(client, stream) // 2) > 0


def _trim(client: redis.Redis, stream: keys.Stream, kept: int) -> int:
    removed: Any = client.xtrim(stream.key(), maxlen=kept, approximate=False)
    return int(removed)


def _length(client: redis.Redis, stream: keys.Stream) -> int:
    length: Any = client.xlen(stream.key())
    return int(length)


def _size(client: redis.Redis, stream: keys.Stream) -> int:
    # All nodes: of samples Redis takes the oldest, which need not be like the others.
    size_bytes: Any = client.memory_usage(stream.key(), samples=0)
    return int(size_bytes or 0)


def _memory(client: redis.Redis) -> tuple[int, int]:
    """Return the bytes that the server uses, and its limit."""
    memory: Any = client.info("memory")
    return int(memory["used_memory"]), int(memory["maxmemory"]) or USUAL_LIMIT_BYTES
