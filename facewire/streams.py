"""Publish messages to Redis streams and read them: the newest, or all in order.

Frames use their own `seq` as entry id, so that one blocking read can wait for "the first frame whose
seq is at least N past the last" and no frame that is not due crosses the wire (docs/adr/0002).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from time import monotonic, time
from typing import Any

import redis

from facewire import codec, keys
from facewire.audit import Decision
from facewire.cursor import START, Cursor, newest_id, parse_id
from facewire.intake import Intake
from facewire.link import Link, RedisAwayError, together
from facewire.messages import CAMERA_NAME, FaceEvent, Frame, Message
from facewire.metrics import Metrics

__all__ = ["Arrived", "Intake", "Publisher", "StreamReader", "Wanted", "announce", "announced", "camera_names"]

Entry = tuple[bytes, dict[bytes, bytes]]

BLOCK_MS = 1000
ANNOUNCED_WITHIN_S = 60
LOOK_FOR_CAMERAS_EVERY_S = 2.0
# 15 MB of 640x480: an answer lies in the bus's memory and in the reader's.
FRAMES_AT_ONCE = 16
GONE_AFTER_S = 10.0
"""Delay before an unannounced camera is dropped: after a clock change it is announced again."""


def announce(link: Link, camera: str) -> None:
    """Let readers find a camera's streams; capture repeats this every few seconds."""
    link.once(lambda client: client.zadd(keys.CAMERAS, {camera: time()}))


def camera_names(client: redis.Redis) -> list[str]:
    """Return the names of the cameras that capture announced within the last minute; what is no name is passed over.

    One that lies further ahead was announced before the clock was set back: whoever is there says so again soon.
    """
    now_s = time()
    found: Any = client.zrangebyscore(keys.CAMERAS, now_s - ANNOUNCED_WITHIN_S, now_s + ANNOUNCED_WITHIN_S)
    names = (raw.decode(errors="replace") for raw in found)
    return sorted(name for name in names if CAMERA_NAME.fullmatch(name))


def announced(link: Link, until: Event) -> list[str]:
    """Return `camera_names` as soon as the server allows; none if `until` is set first."""
    return link.patiently(camera_names, until) or []


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

    def publish(self, message: Message, kept: int | None = None) -> bool:
        """Append the message; False if the server is away and the message was dropped.

        Args:
            message: what is appended.
            kept: the number of entries that the stream keeps; None: as its family does.

        Raises:
            redis.ResponseError: a frame's seq is not above the stream's last.
        """
        try:
            self._link.once(self._adding(message, kept or self._stream.maxlen))
        except RedisAwayError:
            self._metrics.dropped(f"{self._stream.prefix}_unpublished")
            return False
        return True

    def append(self, message: Message, beside: Callable[[redis.Redis], object] | None = None) -> None:
        """Append the message.

        Args:
            message: what is appended.
            beside: writes what must be there if and only if the message is.

        Raises:
            RedisAwayError: the server is away; the message is still the caller's.
        """
        add = self._adding(message, self._stream.maxlen)
        self._link.once(add if beside is None else partial(together, actions=(add, beside)))

    def _adding(self, message: Message, kept: int) -> Callable[[redis.Redis], object]:
        camera = "" if isinstance(message, FaceEvent | Decision) else message.camera
        entry_id = f"{message.seq}-0" if isinstance(message, Frame) else "*"
        fields: Any = {keys.FIELD: codec.encode(message)}
        return lambda client: client.xadd(
            self._stream.key(camera),
            fields,
            id=entry_id,
            maxlen=kept,
            approximate=not self._stream.exact,
        )

    def empty(self, camera: str) -> bool:
        """Take all entries of a camera away, and count on; False, and nothing happens, while the server is away."""
        try:
            self._link.once(lambda client: client.xtrim(self._stream.key(camera), maxlen=0, approximate=False))
        except RedisAwayError:
            return False
        return True

    def newest_seq(self, camera: str) -> int:
        """Return the seq of the newest frame that the stream was given, 0 where there was none.

        Raises:
            RedisAwayError: the server is away.
        """
        return self._link.once(lambda client: newest_id(client, self._stream.key(camera)))[0]


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


@dataclass(frozen=True, slots=True)
class Arrived:
    """One entry as it came from a stream."""

    key: str
    stream: keys.Stream
    entry_id: bytes
    fields: dict[bytes, bytes]


@dataclass(slots=True, kw_only=True)
class _Place(Cursor):
    """How far one stream has been read, and what is wanted of it."""

    wanted: Wanted


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
    _gone_s: dict[str, float] = field(default_factory=dict)

    def messages(self, until: Event, between: Callable[[], None] = lambda: None) -> Iterator[Message]:
        """Yield messages as they come, until `until` is set; `between` is called as by `entries`."""
        for arrived in self.entries(until, between):
            message = self.intake.decode(arrived.fields, arrived.stream.message, arrived.key)
            if message is not None:
                yield message

    def pace(self, key: str, every: int, since: int = 0) -> None:
        """Change the least step of seq between two taken frames, with the next read.

        Args:
            key: the stream of frames.
            every: the step.
            since: the seq from which on it holds: what was not due before does not count as late.
        """
        if key in self._places:
            self._places[key].pace(every, since)

    def entries(self, until: Event, between: Callable[[], None] = lambda: None) -> Iterator[Arrived]:
        """Yield entries as they come and as they are, until `until` is set.

        Before each read, so about once a second while nothing comes, `between` is called.
        """
        while not until.is_set():
            between()
            self._find_cameras(until)
            if not self._places:
                until.wait(0.1)
                continue
            after = {key: place.after() for key, place in self._places.items()}
            count = self._at_once()
            arrived = self.link.patiently(partial(_read_after, after=after, count=count), until)
            if not arrived:
                self._restart_emptied(until)
            for key, entries in arrived or []:
                yield from self._take(key.decode(), entries, count, until)

    def _find_cameras(self, until: Event) -> None:
        if monotonic() - self._looked_s < LOOK_FOR_CAMERAS_EVERY_S:
            return
        self._looked_s = monotonic()
        cameras = [self.only_camera] if self.only_camera else announced(self.link, until)
        found = {wanted.stream.key(camera): wanted for camera in cameras for wanted in self.wanted}
        self._gone_s = {key: self._gone_s.get(key, self._looked_s) for key in self._places.keys() - found.keys()}
        for key in [key for key, since_s in self._gone_s.items() if self._looked_s - since_s >= GONE_AFTER_S]:
            del self._places[key]
        for key in found.keys() - self._places.keys():
            place = _Place(wanted=found[key], every=found[key].every)
            if not place.wanted.newest:
                place.last = self.link.patiently(partial(newest_id, key=key), until) or START
            self._places[key] = place

    def _take(self, key: str, entries: list[Entry], count: int, until: Event) -> Iterator[Arrived]:
        place = self._places[key]
        if place.wanted.newest and self._is_late(key, entries, count, until):
            oldest = parse_id(entries[0][0])
            newest: Any = self.link.patiently(lambda client: client.xrevrange(key, count=1), until)
            entries = newest or entries[-1:]
            self.metrics.dropped("late", max(0, parse_id(entries[0][0])[0] - oldest[0]))
        for entry_id, fields in entries:
            place.last, place.not_due = parse_id(entry_id), 0
            yield Arrived(key, place.wanted.stream, entry_id, fields)

    def _at_once(self) -> int:
        """Return the number of entries of each stream that are read at once: fewer where many cameras' frames come."""
        cameras = sum(place.wanted.stream is keys.FRAMES for place in self._places.values())
        return max(1, min(1 + max(wanted.backlog for wanted in self.wanted), FRAMES_AT_ONCE // max(1, cameras)))

    def _is_late(self, key: str, entries: list[Entry], count: int, until: Event) -> bool:
        """Return whether more entries wait than are taken one by one."""
        backlog = self._places[key].wanted.backlog
        if len(entries) < min(count, backlog + 1):
            return False
        if len(entries) > backlog:
            return True
        # More may wait than were read at once; mostly there is none, and nothing crosses the wire.
        behind = f"{parse_id(entries[0][0])[0] + backlog}-0"
        return bool(self.link.patiently(lambda client: client.xrange(key, min=behind, count=1), until))

    def _restart_emptied(self, until: Event) -> None:
        for key, place in self._places.items():
            newest = self.link.patiently(partial(newest_id, key=key), until)
            if newest is not None and newest < place.last:
                place.last = START


def _read_after(client: redis.Redis, after: dict[Any, Any], count: int) -> list[tuple[bytes, list[Entry]]]:
    reply: Any = client.xread(after, count=count, block=BLOCK_MS)
    return list(reply or [])
