"""Ask the dashboard's own server for `/healthz`, as a browser would."""

import faulthandler
import http.client
import ipaddress
import os
import time
from collections.abc import Callable
from threading import Event

from facewire.heartbeat import Heartbeat

ASK_EVERY_S = 1.0
ANSWER_WITHIN_S = 3.0
RESTART_AFTER_S = 20.0
SUBJECT = "http"


class SelfCheck:
    """Makes the service unhealthy while its own server does not answer.

    Args:
        host: the address that the server listens on.
        port: its port.
        heartbeat: shows that the server does not answer.
        clock: seconds that only go forward.
        restart: ends the process after 20 s without an answer; the master starts another.
    """

    def __init__(
        self,
        host: str,
        port: int,
        heartbeat: Heartbeat,
        clock: Callable[[], float] = time.monotonic,
        restart: Callable[[], None] | None = None,
    ) -> None:
        self._host = reachable(host)
        self._port = port
        self._heartbeat = heartbeat
        self._clock = clock
        self._restart = restart or _restart
        self._failing_since_s: float | None = None

    def run(self, until: Event) -> None:
        """Ask about once a second, until `until` is set."""
        with self._heartbeat.loop():
            while not until.wait(ASK_EVERY_S):
                self.look()
                self._heartbeat.beat()

    def look(self) -> None:
        """Ask once."""
        asked_s = self._clock()
        if self._answers():
            self._failing_since_s = None
            self._heartbeat.ready(SUBJECT)
            return
        self._heartbeat.waiting(SUBJECT, f"its own HTTP server (no answer to /healthz within {ANSWER_WITHIN_S:.0f} s)")
        if self._failing_since_s is None:
            self._failing_since_s = asked_s
        if self._clock() - self._failing_since_s >= RESTART_AFTER_S:
            self._restart()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request("GET", "/healthz", headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status == http.client.OK and answer.read(16) == b"ok\n"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def reachable(host: str) -> str:
    """Return an address of this machine at which a server that listens on `host` is reached."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def _restart() -> None:
    faulthandler.dump_traceback()
    os._exit(1)
