"""Publish messages to Redis streams and read them: newest first, in order, or as one of a group.

Frames use their own `seq` as entry id, so that one blocking read can wait for "the first frame whose
seq is at least N past the last" and no frame that is not due crosses the wire (docs/adr/0002).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from time import monotonic, time
from typing import Any, TypeVar

import redis

from facewire import codec, keys
from facewire.link import Link, RedisAwayError
from facewire.log import Log, Seldom
from facewire.messages import FaceEvent, Frame, Message
from facewire.metrics import Metrics

M = TypeVar("M", bound=Message)
EntryId = tuple[int, int]
Entry = tuple[bytes, dict[bytes, bytes]]

START: EntryId = (0, 0)
BLOCK_MS = 1000
ANNOUNCED_WITHIN_S = 60
LOOK_FOR_CAMERAS_EVERY_S = 2.0
CLAIM_IDLE_MS = 30_000


def announce(link: Link, camera: str) -> None:
    """Let readers find a camera's streams; capture repeats this every few seconds."""
    link.once(lambda client: client.zadd(keys.CAMERAS, {camera: time()}))


def camera_names(client: redis.Redis) -> list[str]:
    """Return the names of the cameras that capture announced within the last minute."""
    names: Any = client.zrangebyscore(keys.CAMERAS, time() - ANNOUNCED_WITHIN_S, "+inf")
    return sorted(name.decode() for name in names)


def announced(link: Link, until: Event) -> list[str]:
    """Return `camera_names` as soon as the server allows; none if `until` is set first."""
    return link.patiently(camera_names, until) or []


class Intake:
    """Decodes entries; what is malformed is counted, logged once a minute, and dropped."""

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log
        self._seldom = Seldom()

    def decode(self, fields: dict[bytes, bytes], expected: type[M], key: str) -> M | None:
        """Return the entry's message, or None when it is none."""
        try:
            return codec.decode(fields.get(keys.FIELD, b""), expected)
        except codec.RejectedMessageError as error:
            self._metrics.rejected(error.reason)
            if self._seldom.due(f"{key} {error.reason}", monotonic()):
                self._log.warning("message rejected", stream=key, problem=str(error))
            return None


class Publisher:
    """Appends messages to one family of streams.

    Args:
        link: the server that holds the streams.
        stream: the family.
        metrics: counts what had to be dropped.
    """

    def __init__(self, link: Link, stream: keys.Stream, metrics: Metrics) -> None:
        self._link = link
        self._stream = stream
        self._metrics = metrics

    def publish(self, message: Message) -> bool:
        """Append the message; False if the server is away and the message was dropped.

        Raises:
            redis.ResponseError: a frame's seq is not above the stream's last.
        """
        try:
            self.append(message)
        except RedisAwayError:
            self._metrics.dropped(f"{self._stream.prefix}_unpublished")
            return False
        return True

    def append(self, message: Message) -> None:
        """Append the message.

        Raises:
            RedisAwayError: the server is away; the message is still the caller's.
        """
        camera = "" if isinstance(message, FaceEvent) else message.camera
        entry_id = f"{message.seq}-0" if isinstance(message, Frame) else "*"
        fields: Any = {keys.FIELD: codec.encode(message)}
        self._link.once(
            lambda client: client.xadd(
                self._stream.key(camera),
                fields,
                id=entry_id,
                maxlen=self._stream.maxlen,
                approximate=not self._stream.exact,
            )
        )

    def newest_seq(self, camera: str) -> int:
        """Return the seq of the newest frame in the stream, 0 where there is none.

        Raises:
            RedisAwayError: the server is away.
        """
        return self._link.once(lambda client: _newest_id(client, self._stream.key(camera)))[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants of one family of streams.

    Args:
        stream: the family.
        newest: skip to the newest entry when more than `backlog` wait; else take all in order.
        every: frames only: the least step of seq from one taken frame to the next.
        backlog: how many waiting entries are still taken one by one.
    """

    stream: keys.Stream
    newest: bool = False
    every: int = 1
    backlog: int = 1


@dataclass(slots=True)
class _Place:
    """How far one stream has been read."""

    wanted: Wanted
    last: EntryId = START

    def after(self) -> str:
        """Return the id behind which the next wanted entry lies."""
        if self.wanted.every > 1 and self.last != START:
            return f"{self.last[0] + self.wanted.every - 1}-0"
        return f"{self.last[0]}-{self.last[1]}"


@dataclass(slots=True)
class StreamReader:
    """Reads several families of streams of every announced camera, or of one, in one blocking call at a time.

    A stream that starts again from a lower id (the server lost its memory) is read from its start.
    """

    link: Link
    intake: Intake
    metrics: Metrics
    wanted: Sequence[Wanted]
    only_camera: str = ""
    _places: dict[str, _Place] = field(default_factory=dict)
    _looked_s: float = float("-inf")

    def messages(self, until: Event) -> Iterator[Message]:
        """Yield messages as they come, until `until` is set."""
        count = 1 + max(wanted.backlog for wanted in self.wanted)
        while not until.is_set():
            self._find_cameras(until)
            if not self._places:
                until.wait(0.1)
                continue
            after = {key: place.after() for key, place in self._places.items()}
            arrived = self.link.patiently(partial(_read_after, after=after, count=count), until)
            if not arrived:
                self._restart_emptied(until)
            for key, entries in arrived or []:
                yield from self._take(key.decode(), entries, until)

    def _find_cameras(self, until: Event) -> None:
        if monotonic() - self._looked_s < LOOK_FOR_CAMERAS_EVERY_S:
            return
        self._looked_s = monotonic()
        cameras = [self.only_camera] if self.only_camera else announced(self.link, until)
        found = {wanted.stream.key(camera): wanted for camera in cameras for wanted in self.wanted}
        for key in self._places.keys() - found.keys():
            del self._places[key]
        for key in found.keys() - self._places.keys():
            place = _Place(found[key])
            if not place.wanted.newest:
                place.last = self.link.patiently(partial(_newest_id, key=key), until) or START
            self._places[key] = place

    def _take(self, key: str, entries: list[Entry], until: Event) -> Iterator[Message]:
        place = self._places[key]
        if place.wanted.newest and len(entries) > place.wanted.backlog:
            oldest = _parse(entries[0][0])
            newest: Any = self.link.patiently(lambda client: client.xrevrange(key, count=1), until)
            entries = newest or entries[-1:]
            self.metrics.dropped("late", max(0, _parse(entries[0][0])[0] - oldest[0]))
        for entry_id, fields in entries:
            place.last = _parse(entry_id)
            message = self.intake.decode(fields, place.wanted.stream.message, key)
            if message is not None:
                yield message

    def _restart_emptied(self, until: Event) -> None:
        for key, place in self._places.items():
            newest = self.link.patiently(partial(_newest_id, key=key), until)
            if newest is not None and newest < place.last:
                place.last = START


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
    ) -> None:
        self._link = link
        self._intake = intake
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._claim_idle_ms = claim_idle_ms

    def deliveries(self, until: Event) -> Iterator[Delivery]:
        """Yield what this consumer left undone, then new entries and those of the dead, until `until` is set."""
        self._link.patiently(self._make_group, until)
        claim_s = monotonic()
        undone = True
        while not until.is_set():
            if monotonic() >= claim_s:
                claim_s = monotonic() + self._claim_idle_ms / 1000
                yield from self._decoded(self._link.patiently(self._claim, until) or [], until)
            entries = self._link.patiently(self._read_undone if undone else self._read_new, until) or []
            undone = undone and bool(entries)
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
            client.xgroup_create(self._stream.key(), self._group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        return True

    def _read_undone(self, client: redis.Redis) -> list[Entry]:
        return self._read(client, "0", None)

    def _read_new(self, client: redis.Redis) -> list[Entry]:
        return self._read(client, ">", BLOCK_MS)

    def _read(self, client: redis.Redis, after: str, block_ms: int | None) -> list[Entry]:
        streams: Any = {self._stream.key(): after}
        try:
            reply: Any = client.xreadgroup(self._group, self._consumer, streams, count=16, block=block_ms)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            # The store was emptied under us.
            self._make_group(client)
            return []
        return list(reply[0][1]) if reply else []

    def _claim(self, client: redis.Redis) -> list[Entry]:
        reply: Any = client.xautoclaim(
            self._stream.key(), self._group, self._consumer, min_idle_time=self._claim_idle_ms, count=16
        )
        return list(reply[1])


def _parse(entry_id: bytes) -> EntryId:
    first, _, second = entry_id.partition(b"-")
    return int(first), int(second)


def _read_after(client: redis.Redis, after: dict[Any, Any], count: int) -> list[tuple[bytes, list[Entry]]]:
    reply: Any = client.xread(after, count=count, block=BLOCK_MS)
    return list(reply or [])


def _newest_id(client: redis.Redis, key: str) -> EntryId:
    newest: Any = client.xrevrange(key, count=1)
    return _parse(newest[0][0]) if newest else START
