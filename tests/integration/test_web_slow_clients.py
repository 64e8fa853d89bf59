"""Clients who send or take slowly cost the dashboard no thread: everybody else is answered at once."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from threading import Event, Thread

import pytest

from tests.integration.web_process import Camera, Web, ask, camera, web
from tests.servers import HUNG_S, redis_server, wait_for

AT_ONCE_S = 2.0

HALF_SENT = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "half a body": b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nhalf",
    "empty lines": b"\r\n\r\n\r\n",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, Camera]]:
    """One dashboard and one camera for all tests of this file."""
    folder = tmp_path_factory.mktemp("slow")
    with redis_server(folder) as url, camera(folder, url) as door, web(folder, url) as made:
        yield made, door


@pytest.fixture
def dashboard(shared: tuple[Web, Camera]) -> Web:
    """The dashboard."""
    return shared[0]


@pytest.fixture
def door(shared: tuple[Web, Camera]) -> Camera:
    """The camera."""
    return shared[1]


def connected(web: Web, address: str = "127.0.0.1") -> socket.socket:
    line = socket.socket()
    line.settimeout(HUNG_S)
    line.bind((address, 0))
    line.connect(("127.0.0.1", web.port))
    return line


def seconds(web: Web, path: str = "/healthz") -> float:
    """Return how long an answer takes."""
    began_s = time.monotonic()
    assert web.get(path).status == 200
    return time.monotonic() - began_s


def assert_answers(web: Web, for_s: float = 1.0) -> None:
    end_s = time.monotonic() + for_s
    while time.monotonic() < end_s:
        assert max(seconds(web, path) for path in ("/healthz", "/", "/static/app.js")) < AT_ONCE_S


@contextmanager
def dripping(lines: list[socket.socket], piece: Callable[[int], bytes]) -> Iterator[None]:
    """Send a few bytes on each connection several times a second until the block ends."""
    stop = Event()

    def drip() -> None:
        turn = 0
        while not stop.wait(0.3):
            turn += 1
            for line in lines:
                try:
                    line.send(piece(turn), socket.MSG_DONTWAIT)
                except OSError:
                    continue

    thread = Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(("count", "addresses"), [(16, 1), (64, 1), (300, 1), (300, 8)])
def test_half_sent_requests_keep_nobody_out(dashboard: Web, count: int, addresses: int) -> None:
    kinds = list(HALF_SENT.values())
    with closing(dashboard.watch()) as stream, ExitStack() as lines:
        first = next(stream).about["seq"]
        held = []
        for number in range(count):
            line = lines.enter_context(connected(dashboard, f"127.0.0.{1 + number % addresses}"))
            line.send(kinds[number % len(kinds)])
            held.append(line)
        with dripping(held, lambda _: b"x"):
            assert_answers(dashboard)
        assert next(islice(stream, 5, None)).about["seq"] > first
        assert "HTTP" not in dashboard.verdict()[1]


def test_a_request_that_comes_slowly_and_idle_connections_end_in_time(dashboard: Web) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with (
        connected(dashboard) as idle,
        connected(dashboard) as kept,
        connected(dashboard) as slow,
        dripping([slow], lambda turn: f"X-{turn}: y\r\n".encode()),
    ):
        slow.send(head)
        kept.send(head + b"\r\n")
        began_s = time.monotonic()
        while not kept.recv(4096).endswith(b"ok\n"):
            pass
        assert slow.recv(64).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began_s > 3
        assert (idle.recv(64), kept.recv(64)) == (b"", b"")
        assert time.monotonic() - began_s < 9


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nX-Big: " + b"x" * 40_000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b"411"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 20 + b"\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 9000 + b"\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    ],
    ids=[
        *("head", "body", "unknown length", "nonsense", "two lengths", "long length", "endless length"),
        *("length and chunks", "no host", "HTTP/2"),
    ],
)
def test_what_is_too_large_or_garbled_is_refused_at_once(dashboard: Web, request_bytes: bytes, status: bytes) -> None:
    with connected(dashboard) as line:
        line.sendall(request_bytes)
        assert line.recv(64).startswith(b"HTTP/1.1 " + status)
    assert seconds(dashboard) < AT_ONCE_S


def test_requests_in_pieces_and_several_at_once_are_all_answered(dashboard: Web) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(dashboard) as line:
        for byte in request:
            line.send(bytes([byte]))
        line.sendall(request * 2 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = b""
        while piece := line.recv(4096):
            answers += piece
        assert answers.count(b"HTTP/1.1 200 OK") == answers.count(b"\r\n\r\nok\n") == 4


def test_clients_who_take_no_answers_hold_up_nobody(dashboard: Web) -> None:
    # Far more answers than lie in a connection's buffers, from more clients than there are threads.
    requests = b"GET /static/drawing.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400
    with ExitStack() as lines:
        for _ in range(40):
            line = lines.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.connect(("127.0.0.1", dashboard.port))
            line.setblocking(False)  # noqa: FBT003
            line.send(requests)
        assert_answers(dashboard)


def test_clients_who_never_close_hold_up_nobody(dashboard: Web) -> None:
    with ExitStack() as lines:
        for _ in range(40):
            line = lines.enter_context(connected(dashboard))
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert_answers(dashboard)


def test_hundreds_of_idle_connections_keep_nobody_out(dashboard: Web) -> None:
    with ExitStack() as lines:
        for number in range(700):
            lines.enter_context(connected(dashboard, f"127.0.0.{1 + number % 50}"))
        assert_answers(dashboard)


def test_a_viewer_who_reads_too_slowly_gets_pictures_that_are_new(dashboard: Web, door: Camera) -> None:
    with ask(dashboard, "/stream/door.mjpg") as slow:
        wait_for(lambda: dashboard.metric("handled_total") > 40, "pictures")
        # What lies in the connection's buffers is old; what comes after is not.
        end_s, seen = time.monotonic() + HUNG_S, b""
        while time.monotonic() < end_s:
            now = door.seq
            seen = (seen + slow.recv(65536))[-4000:]
            if any(f'"seq":{seq},'.encode() in seen for seq in range(now - 8, now + 1)):
                break
        else:
            pytest.fail("only old pictures came")
