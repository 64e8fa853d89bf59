"""A connection to one Redis server that treats its absence as weather: noticed, shown, waited out."""

import socket
from collections.abc import Callable, Iterable
from threading import Event
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from facewire.heartbeat import Heartbeat
from facewire.metrics import Metrics

R = TypeVar("R")

SOCKET_TIMEOUT_S = 5.0
# Frames are 0.9 MB. redis-py reads 64 kB at a time, the kernel takes 200 kB of a write: both processes wake for each
# piece. With these, a frame's write and read take a third less (`scripts/bench bus`).
READ_AT_ONCE_BYTES = 1 << 20
SEND_ROOM_BYTES = 1 << 21
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0
RELIEF_ATTEMPTS = 32

# Full memory passes like any other weather; a server that is still loading its file raises a ConnectionError.
WEATHER = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.OutOfMemoryError, redis.ReadOnlyError)


RedisRefusedError = redis.ResponseError
"""The server is there and does not do it: the action is wrong, or what is stored under its key."""


class RedisAwayError(Exception):
    """The server cannot be had right now; whoever calls decides whether to wait or to drop."""


class _RoomyConnection(redis.UnixDomainSocketConnection):
    """A unix socket with room for much of a frame, so that two processes wake one another seldom."""

    def _connect(self) -> socket.socket:
        connection: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_ROOM_BYTES)
        return connection


def connect(url: str) -> redis.Redis:
    """Return a client that fails at once; `Link` decides what a failure means."""
    roomy = {"connection_class": _RoomyConnection} if url.startswith("unix:") else {}
    return redis.Redis.from_url(
        url,
        **roomy,
        socket_read_size=READ_AT_ONCE_BYTES,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=2.0,
        health_check_interval=30,
        # A blind retry could add an entry twice.
        retry=Retry(NoBackoff(), 0),
    )


def together(client: redis.Redis, actions: Iterable[Callable[[redis.Redis], object]]) -> None:
    """Do all actions in one transaction; none of them may need an answer."""
    with client.pipeline(transaction=True) as pipe:
        for action in actions:
            action(pipe)
        pipe.execute()


class Link:
    """Calls to one server, with its weather told to the heartbeat.

    Args:
        client: the connection.
        name: `bus` or `store`, for people.
        heartbeat: told whenever the server goes and comes.
        metrics: counts failures.
        relieve: makes room on a server that is full, and returns whether it did; what needs room is then tried again.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        heartbeat: Heartbeat,
        metrics: Metrics,
        relieve: Callable[[redis.Redis], bool] = lambda _: False,
    ) -> None:
        self._client = client
        self._name = name
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._relieve = relieve

    def once(self, action: Callable[[redis.Redis], R]) -> R:
        """Do `action` now.

        Raises:
            RedisAwayError: the server is gone, loading or full.
            RedisRefusedError: the server refuses the action for a reason that waiting does not mend.
        """
        try:
            result = self._with_room(action)
        except redis.RedisError as error:
            if not _passes(error):
                raise
            self._metrics.error(f"{self._name}_away")
            self._heartbeat.waiting(self._name, f"Redis '{self._name}' ({_answer(error)})")
            raise RedisAwayError(self._name) from error
        self._heartbeat.ready(self._name)
        self._heartbeat.beat()
        return result

    def _with_room(self, action: Callable[[redis.Redis], R]) -> R:
        for _ in range(RELIEF_ATTEMPTS):
            try:
                return action(self._client)
            except redis.exceptions.OutOfMemoryError:
                # Nothing was done: the server refuses before it acts, and a transaction as a whole.
                self._metrics.error(f"{self._name}_full")
                if not self._relieve(self._client):
                    raise
        return action(self._client)

    def patiently(self, action: Callable[[redis.Redis], R], until: Event) -> R | None:
        """Do `action` as soon as the server allows; None if `until` is set first."""
        wait_s = FIRST_WAIT_S
        while not until.is_set():
            try:
                return self.once(action)
            except RedisAwayError:
                until.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        return None


def _passes(error: redis.RedisError) -> bool:
    # MISCONF is the answer of a server that cannot write to its disk.
    return isinstance(error, WEATHER) or _answer(error).startswith("MISCONF")


def _answer(error: redis.RedisError) -> str:
    # Of a transaction redis-py tells the command first, and with it a part of the message.
    return str(error).rpartition("of pipeline caused error: ")[2]
