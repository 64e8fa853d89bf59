"""A broker of raw sockets that misbehaves as a test asks for, in MQTT 3.1.1 and 5."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

V5, V311 = 5, 4


def packet(kind: int, body: bytes = b"") -> bytes:
    """Return an MQTT packet."""
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (128 if rest else 0)])
        if not rest:
            return bytes([kind]) + length + body


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the broker does.

    Args:
        hello: sent for CONNECT instead of a CONNACK that accepts; None for nothing.
        hangs_up: closes the connection after that.
        suback: reason code of every subscription; None for no SUBACK.
        suback_after_s: SUBACKs, and whatever follows them, come so late.
        puback: reason code of every PUBACK of MQTT 5; None for no PUBACK.
        puback_after_s: PUBACKs, and whatever follows them, come so late.
        wrong_id: PUBACKs have another packet's id.
        farewell: MQTT 5's reason code of a DISCONNECT after the SUBACK.
        levels: protocol levels that are spoken; others are refused as MQTT 3.1.1 does.
        properties: of CONNACK, for MQTT 5.
    """

    hello: bytes | None = b""
    hangs_up: bool = False
    suback: int | None = 0
    suback_after_s: float = 0.0
    puback: int | None = 0
    puback_after_s: float = 0.0
    wrong_id: bool = False
    farewell: int | None = None
    levels: tuple[int, ...] = (V5, V311)
    properties: bytes = b""


@dataclass(slots=True)
class Caller:
    """One connection: its protocol level, what was subscribed, and the topics that were published."""

    at_s: float
    level: int = 0
    filters: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)


class FakeBroker:
    """Serves every connection in a thread of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self.behaviour = Behaviour()
        self.callers: list[Caller] = []
        self._listener = listener
        self._over = Event()
        self._open: list[socket.socket] = []
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def hang_up(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._listener.close()
        self.hang_up()
        self._thread.join(5)

    def _accept(self) -> None:
        self._listener.settimeout(0.2)
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.settimeout(None)
            self._open.append(connection)
            caller = Caller(time.monotonic())
            Thread(target=self._serve, args=(connection, caller), daemon=True).start()

    def _serve(self, connection: socket.socket, caller: Caller) -> None:
        with suppress(OSError, EOFError), connection, connection.makefile("rb") as incoming:
            while not self._over.is_set():
                kind, body = _read(incoming)
                answers: dict[int, Callable[[Caller, int, bytes], bytes | None]] = {
                    0x10: self._connack,
                    0x30: self._puback,
                    0x80: self._suback,
                    0xC0: lambda _caller, _kind, _body: packet(0xD0),
                    0xE0: lambda _caller, _kind, _body: None,
                }
                act = answers.get(kind & 0xF0)
                answer = b"" if act is None else act(caller, kind, body)
                if answer is None:
                    return
                connection.sendall(answer)
                if kind == 0x10 and self.behaviour.hangs_up:
                    return

    def _connack(self, caller: Caller, _kind: int, body: bytes) -> bytes | None:
        does = self.behaviour
        if body[2:6] != b"MQTT":
            return None
        caller.level = body[6]
        self.callers.append(caller)
        if caller.level not in does.levels:
            return packet(0x20, b"\0\1")
        if does.hello:
            return does.hello
        if does.hello is None:
            return b""
        more = packet(0, does.properties)[1:] if caller.level == V5 else b""
        return packet(0x20, b"\0\0" + more)

    def _suback(self, caller: Caller, _kind: int, body: bytes) -> bytes:
        does = self.behaviour
        if does.suback is None:
            return b""
        start = 3 + body[2] if caller.level == V5 else 2
        count, rest = 0, body[start:]
        while rest:
            (length,) = struct.unpack(">H", rest[:2])
            caller.filters.append(rest[2 : 2 + length].decode())
            rest, count = rest[3 + length :], count + 1
        self._over.wait(does.suback_after_s)
        head = body[:2] + (b"\0" if caller.level == V5 else b"")
        farewell = b"" if does.farewell is None else packet(0xE0, bytes([does.farewell, 0]))
        return packet(0x90, head + bytes([does.suback]) * count) + farewell

    def _puback(self, caller: Caller, kind: int, body: bytes) -> bytes:
        does = self.behaviour
        (length,) = struct.unpack(">H", body[:2])
        caller.topics.append(body[2 : 2 + length].decode())
        if not kind & 0x06 or does.puback is None:
            return b""
        self._over.wait(does.puback_after_s)
        mid = body[2 + length : 4 + length]
        if does.wrong_id:
            mid = bytes([mid[0] ^ 0x80, mid[1]])
        return packet(0x40, mid + (bytes([does.puback, 0]) if caller.level == V5 and does.puback else b""))


def _read(incoming: Any) -> tuple[int, bytes]:
    head = incoming.read(1)
    if not head:
        raise EOFError
    length = shift = 0
    while True:
        (digit,) = incoming.read(1) or (0,)
        length |= (digit & 127) << shift
        shift += 7
        if not digit & 128:
            return head[0], incoming.read(length)


@contextmanager
def fake_broker(behaviour: Behaviour) -> Iterator[FakeBroker]:
    """Serve until the block ends."""
    broker = FakeBroker(socket.create_server(("127.0.0.1", 0)))
    broker.behaviour = behaviour
    try:
        yield broker
    finally:
        broker.close()


class Interpreter:
    """Stands before a real broker and lets MQTT 3.1.1 through only."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        self._open: list[socket.socket] = [self._listener]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            Thread(target=self._look, args=(connection,), daemon=True).start()

    def _look(self, connection: socket.socket) -> None:
        with suppress(OSError):
            first = connection.recv(65_536)
            name = first.find(b"MQTT")
            if name < 0 or first[name + 4] != V311:
                connection.sendall(packet(0x20, b"\0\1"))
                connection.close()
                return
            self.accepted += 1
            far = socket.create_connection(("127.0.0.1", self._port))
            self._open.append(far)
            far.sendall(first)
            Thread(target=_pass_on, args=(far, connection), daemon=True).start()
            _pass_on(connection, far)


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    with suppress(OSError):
        while data := near.recv(65_536):
            far.sendall(data)
    for each in (near, far):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def only_mqtt_311(port: int) -> Iterator[Interpreter]:
    """Let MQTT 3.1.1 through to a real broker until the block ends."""
    interpreter = Interpreter(port)
    try:
        yield interpreter
    finally:
        interpreter.close()
