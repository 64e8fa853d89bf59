"""One deadline bounds a whole request, whatever the server does with it; real sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread, active_count
from typing import Any

import pytest
from iot_bridge.http_post import Addresses, PostError, Resolver, post

WITHIN_S = 0.4
SLACK_S = 1.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Behaviour = Callable[[socket.socket, Event], None]


@contextmanager
def server(behave: Behaviour) -> Iterator[int]:
    """Run a server that treats each connection in its way; yields its port."""
    over = Event()

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            behave(client, over)

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def answering(answer: bytes, *, then: bytes = b"", every_s: float = 0.02) -> Behaviour:
    """Return a server that answers and then repeats some bytes for ever."""

    def behave(client: socket.socket, over: Event) -> None:
        client.recv(65_536)
        client.sendall(answer)
        while not over.wait(every_s):
            client.sendall(then)

    return behave


def dripping(answer: bytes) -> Behaviour:
    def behave(client: socket.socket, over: Event) -> None:
        client.recv(65_536)
        for byte in answer:
            client.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    return behave


def silent(_client: socket.socket, over: Event) -> None:
    over.wait()


def timed(port: int, scheme: str = "http", body: bytes = b"{}") -> tuple[str, float]:
    """Return the status or failure of a request, and how long it took."""
    begun_s = time.monotonic()
    try:
        outcome = str(post(f"{scheme}://127.0.0.1:{port}/secret?token=1", body, {"X-A": "b"}, WITHIN_S))
    except PostError as error:
        outcome = str(error)
    return outcome, time.monotonic() - begun_s


@pytest.mark.parametrize(
    ("behave", "scheme"),
    [
        (silent, "http"),
        (silent, "https"),
        (dripping(OK), "http"),
        (dripping(b"\x16\x03\x03" * 100), "https"),
        (answering(b"HTTP/1.1 200 OK\r\n", then=b"X-A: b\r\n"), "http"),
        (answering(b"HTTP/1.1 200 OK\r\nX: ", then=b"x"), "http"),
        (answering(b"", then=b"HTTP/1.1 100 Continue\r\n\r\n"), "http"),
        (answering(b"", then=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "http"),
    ],
)
def test_a_slow_server_costs_no_more_than_the_deadline(behave: Behaviour, scheme: str) -> None:
    with server(behave) as port:
        outcome, took_s = timed(port, scheme)
    assert outcome == "Timeout"
    assert took_s < WITHIN_S + SLACK_S


def test_a_server_that_takes_no_request_costs_no_more_than_the_deadline() -> None:
    with server(silent) as port:
        outcome, took_s = timed(port, body=bytes(30_000_000))
    assert outcome == "Timeout"
    assert took_s < WITHIN_S + SLACK_S


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (OK, "200"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, "200"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "204"),
        # Not followed, and what lies there is not read.
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "200"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "HTTPException"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "BadStatusLine"),
    ],
)
def test_the_head_of_an_answer_is_all_that_counts(answer: bytes, outcome: str) -> None:
    with server(answering(answer, then=b"x")) as port:
        assert timed(port)[0] == outcome


def test_the_request_is_sent_as_it_is_written() -> None:
    got: list[bytes] = []

    def behave(client: socket.socket, _over: Event) -> None:
        got.append(client.recv(65_536))
        client.sendall(OK)

    with server(behave) as port:
        assert timed(port, body=b'{"a":1}')[0] == "200"
    head, _, body = b"".join(got).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /secret?token=1 HTTP/1.1"
    assert {"X-A: b", f"Host: 127.0.0.1:{port}", "Content-Length: 7"} <= set(lines)
    assert body in (b'{"a":1}', b"")


def test_a_name_that_hangs_costs_no_more_than_the_deadline_and_one_thread() -> None:
    over = Event()

    def hang(_host: str, _port: int) -> Addresses:
        over.wait()
        raise OSError("no")

    resolver, before = Resolver(hang), active_count()
    try:
        for _ in range(5):
            begun_s = time.monotonic()
            with pytest.raises(PostError, match="Timeout"):
                post("http://hook.example/", b"", {}, 0.1, resolver)
            assert time.monotonic() - begun_s < 0.1 + SLACK_S
        assert active_count() == before + 1
    finally:
        over.set()


def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    def two(_host: str, port: int) -> Addresses:
        # RFC 5737: nobody has the first.
        stream: Any = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        return [(*stream, ("192.0.2.1", port)), (*stream, ("127.0.0.1", port))]

    with server(answering(OK)) as port:
        assert post(f"http://hook.example:{port}/", b"", {}, 2.0, Resolver(two)) == 200


def test_a_failure_is_named_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert timed(port)[0] == "ConnectionRefusedError"
    with pytest.raises(PostError, match=r"^no such host$"):
        post("http://nobody.invalid/", b"", {}, 5.0)
    with pytest.raises(PostError) as failed:
        post(f"http://{'a' * 70}.example/", b"", {}, 5.0)
    assert "aaa" not in str(failed.value)
