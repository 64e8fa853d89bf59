"""Read a stream as one of a group: every entry is somebody's until it is acknowledged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any

import redis

from facewire import keys
from facewire.link import Link
from facewire.messages import Message
from facewire.streams import BLOCK_MS, Entry, Intake

CLAIM_IDLE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One entry of a consumer group: it comes again until it is acknowledged."""

    entry_id: bytes
    message: Message


class GroupReader:
    """Reads one stream as a member of a consumer group: each entry is somebody's until acknowledged.

    Args:
        link: the server that holds the stream.
        intake: decodes entries; a malformed one is acknowledged, so that it does not come for ever.
        stream: the stream.
        group: readers of one group share the entries.
        consumer: this reader; the same after a restart, so that it finds what it left undone.
        claim_idle_ms: how long another's entry must lie undone before it is taken over.
        from_now: a group that is new begins with what comes next, and not with all that the stream holds.
    """

    def __init__(
        self,
        link: Link,
        intake: Intake,
        stream: keys.Stream,
        *,
        group: str,
        consumer: str,
        claim_idle_ms: int = CLAIM_IDLE_MS,
        from_now: bool = False,
    ) -> None:
        self._link = link
        self._intake = intake
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._claim_idle_ms = claim_idle_ms
        self._first = "$" if from_now else "0"

    def deliveries(self, until: Event, between: Callable[[], None] = lambda: None) -> Iterator[Delivery]:
        """Yield what this consumer left undone, then new entries and those of the dead, until `until` is set.

        Args:
            until: ends it.
            between: called before each read, so at least about once a second while nothing happens.
        """
        self._link.patiently(self._make_group, until)
        claim_s = monotonic()
        # Once each: one that is left undone again holds up none that follow.
        undone: bytes | None = b"0"
        while not until.is_set():
            between()
            if monotonic() >= claim_s:
                claim_s = monotonic() + self._claim_idle_ms / 1000
                yield from self._decoded(self._link.patiently(self._claim, until) or [], until)
            entries = self._link.patiently(self._read_new if undone is None else self._reading_on(undone), until) or []
            undone = entries[-1][0] if undone is not None and entries else None
            yield from self._decoded(entries, until)

    def ack(self, delivery: Delivery, until: Event) -> None:
        """Say that the entry's effect is done."""
        self._acknowledge(delivery.entry_id, until)

    def _acknowledge(self, entry_id: bytes, until: Event) -> None:
        self._link.patiently(lambda client: client.xack(self._stream.key(), self._group, entry_id), until)

    def _decoded(self, entries: list[Entry], until: Event) -> Iterator[Delivery]:
        for entry_id, fields in entries:
            # An entry that was trimmed while pending comes without fields.
            message = self._intake.decode(fields or {}, self._stream.message, self._stream.key())
            if message is None:
                self._acknowledge(entry_id, until)
            else:
                yield Delivery(entry_id, message)

    def _make_group(self, client: redis.Redis) -> bool:
        try:
            client.xgroup_create(self._stream.key(), self._group, id=self._first, mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        return True

    def _reading_on(self, after: bytes) -> Callable[[redis.Redis], list[Entry]]:
        return lambda client: self._read(client, after.decode(), None)

    def _read_new(self, client: redis.Redis) -> list[Entry]:
        return self._read(client, ">", BLOCK_MS)

    def _read(self, client: redis.Redis, after: str, block_ms: int | None) -> list[Entry]:
        streams: Any = {self._stream.key(): after}
        reply: Any = self._of_group(
            client, lambda: client.xreadgroup(self._group, self._consumer, streams, count=16, block=block_ms)
        )
        return list(reply[0][1]) if reply else []

    def _claim(self, client: redis.Redis) -> list[Entry]:
        key, idle_ms = self._stream.key(), self._claim_idle_ms
        reply: Any = self._of_group(
            client, lambda: client.xautoclaim(key, self._group, self._consumer, min_idle_time=idle_ms, count=16)
        )
        return list(reply[1]) if reply else []

    def _of_group(self, client: redis.Redis, ask: Callable[[], Any]) -> Any:  # noqa: ANN401  redis-py does not say
        try:
            return ask()
        except redis.ResponseError as error:
            # The store was emptied under us: before the call, or while it waited.
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            self._make_group(client)
            return None
