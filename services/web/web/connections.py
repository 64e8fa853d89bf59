"""Track the connections that wait for their client, within limits."""

import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from web.request_buffer import RequestBuffer

MAX_WAITING = 256
MAX_WAITING_PER_ADDRESS = 64
ANSWER_BYTES = 8_000_000
"""Answers of known length are kept up to this size for a client who reads slowly."""
TAKE_WITHIN_S = 10.0
"""A client must take a picture of a stream within this time."""


class Outbox:
    """Sends through one connection, and keeps the rest of an answer.

    Gunicorn's response writes into it as into a socket.

    Args:
        connection: the client's socket, not blocking.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._kept = bytearray()
        self.is_stream = False
        """Pictures are not kept: a slow viewer skips some instead."""

    def sendall(self, data: bytes) -> None:
        """Send now or later; a stream's data now, or not at all.

        Raises:
            TimeoutError: the client took too little for too long.
            OSError: the connection has ended.
        """
        self._kept += data
        self._send()
        if self.is_stream or len(self._kept) > ANSWER_BYTES:
            self._send_all(time.monotonic() + TAKE_WITHIN_S)

    def send(self, data: bytes) -> int:
        """Send as `sendall` does."""
        self.sendall(data)
        return len(data)

    def flush(self) -> bool:
        """Send what the client takes now; True once nothing is kept any more."""
        self._send()
        return not self._kept

    def _send(self) -> None:
        try:
            while self._kept:
                del self._kept[: self._connection.send(self._kept)]
        except BlockingIOError:
            pass

    def _send_all(self, until_s: float) -> None:
        ready = select.poll()
        ready.register(self._connection, select.POLLOUT)
        while self._kept:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the client takes too little")
            ready.poll(left_s * 1000)
            self._send()


@dataclass(eq=False, slots=True)
class Connection:
    """One client's connection.

    Args:
        socket: not blocking.
        address: the client's; all behind one proxy share it.
        peer: the client's address and port, as the socket names them.
    """

    socket: socket.socket
    address: str
    peer: tuple[str, int]
    buffer: RequestBuffer = field(default_factory=RequestBuffer)
    until_s: float = 0.0
    """What it waits for must be done by then."""
    began: bool = False
    """A byte of the request has come."""
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.socket)


class Waiting:
    """Holds the connections that wait for their client: to send, to take, or to close.

    Whoever sends a request at once waits for no longer than that takes, so that the oldest of those who wait is the
    least likely to be honest: it goes when there are too many.
    """

    def __init__(self) -> None:
        self._oldest_first: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()

    def __contains__(self, connection: object) -> bool:
        return connection in self._oldest_first

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._oldest_first))

    def __len__(self) -> int:
        return len(self._oldest_first)

    def add(self, connection: Connection) -> None:
        """Add a connection as the newest."""
        self._oldest_first[connection] = None
        self._by_address[connection.address] += 1

    def remove(self, connection: Connection) -> None:
        """Remove a connection that waits no longer."""
        del self._oldest_first[connection]
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]

    def surplus(self) -> Connection | None:
        """Return the connection to drop first, if there are too many."""
        if not self._by_address:
            return None
        address, count = self._by_address.most_common(1)[0]
        if count <= MAX_WAITING_PER_ADDRESS and len(self) <= MAX_WAITING:
            return None
        return next(each for each in self._oldest_first if each.address == address)

    def overdue(self, now_s: float) -> list[Connection]:
        """Return the connections whose time is up."""
        return [each for each in self._oldest_first if each.until_s <= now_s]
