"""The dashboard asks its own server, over the network: no answer makes it unhealthy, and restarts it in the end."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from web import self_check
from web.self_check import SelfCheck, reachable

from facewire.health import verdict
from facewire.heartbeat import Heartbeat


class Fine(BaseHTTPRequestHandler):
    status, body = 200, b"ok\n"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body if self.path == "/healthz" else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Failing(Fine):
    status = 500


class Another(Fine):
    body = b"<html>"


class Garbled(Fine):
    def do_GET(self) -> None:
        self.wfile.write(b"garbage\r\n" * 10)


@contextmanager
def served(handler: type[Fine]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "ANSWER_WITHIN_S", 0.3)


def verdict_of(folder: Path) -> tuple[bool, str]:
    return verdict("test", folder, 0.0)


def test_a_server_that_answers_is_healthy(heartbeat: Heartbeat, tmp_path: Path) -> None:
    with served(Fine) as port:
        SelfCheck("127.0.0.1", port, heartbeat).look()
    assert verdict_of(tmp_path)[0]


@pytest.mark.parametrize("handler", [Failing, Another, Garbled])
def test_a_wrong_answer_is_unhealthy(heartbeat: Heartbeat, tmp_path: Path, handler: type[Fine]) -> None:
    with served(handler) as port:
        SelfCheck("127.0.0.1", port, heartbeat).look()
    healthy, line = verdict_of(tmp_path)
    assert not healthy
    assert "its own HTTP server" in line


def test_a_server_that_accepts_and_never_answers_is_unhealthy_until_it_does(
    heartbeat: Heartbeat, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        check = SelfCheck("127.0.0.1", port, heartbeat)
        check.look()
        assert not verdict_of(tmp_path)[0]
    with ThreadingHTTPServer(("127.0.0.1", port), Fine) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        check.look()
        server.shutdown()
    assert verdict_of(tmp_path)[0]


def test_a_server_that_stays_stuck_is_restarted_and_one_that_recovers_is_not(heartbeat: Heartbeat) -> None:
    now, restarts = [0.0], []
    with socket.create_server(("127.0.0.1", 0)) as silent, served(Fine) as fine:
        check = SelfCheck(
            "127.0.0.1", silent.getsockname()[1], heartbeat, lambda: now[0], lambda: restarts.append(now[0])
        )
        for at_s in (0, 10, 19):
            now[0] = at_s
            check.look()
        assert restarts == []
        stuck, check._port = check._port, fine
        check.look()
        check._port = stuck
        for at_s in (20, 39, 40):
            now[0] = at_s
            check.look()
    assert restarts == [40]


@pytest.mark.parametrize(
    ("host", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("192.0.2.5", "192.0.2.5"), ("pi", "pi")],
)
def test_the_server_is_asked_at_the_address_that_it_listens_on(host: str, asked: str) -> None:
    assert reachable(host) == asked
