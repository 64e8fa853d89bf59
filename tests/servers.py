"""Start real servers for tests on free ports, and end each by its own process."""

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

import pytest

HUNG_S = 120.0
"""Longer than anything takes on the busiest machine: only what hangs lets a test wait this long."""

GOES_WITHIN_S = 30.0
"""A server that is killed forgets what it would have written down: queued messages, sessions."""


_given: set[int] = set()
"""Ports that this process was given; whether they are in use, `free_port` does not ask."""


def free_port() -> int:
    """Return a loopback port that nobody listens on nor was given, and that is given to no client.

    Clients get theirs from 32768 on (ip(7), ip_local_port_range): one that tries a port of that range again and again,
    while its server is away, may get the very same for itself and be connected to itself; or another has it when the
    server comes.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        if port in _given or not _is_ours(port):
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


def _is_ours(port: int) -> bool:
    """Say whether no other process of tests was given a port; none gets it from now on, until this one ends.

    Between being given and being listened on seconds may pass, and several files of tests run at a time.
    """
    try:
        fcntl.lockf(_ports(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _ports() -> IO[bytes]:
    """Open a file of which a byte stands for each port: whoever has locked it has the port."""
    return (Path(tempfile.gettempdir()) / f"facewire-test-ports-{os.getuid()}").open("ab")


def program(name: str) -> str:
    """Return a program's path; without it the test is left out, but in CI it fails."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; scripts/setup test installs it")
        pytest.skip(f"{name} is not installed; scripts/setup test installs it")
    return path


def wait_for(truth: Callable[[], bool], what: str = "it") -> None:
    """Wait until `truth()` holds, or fail."""
    end_s = time.monotonic() + HUNG_S
    while not truth():
        if time.monotonic() > end_s:
            pytest.fail(f"waited {HUNG_S} s for {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Say whether somebody accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(arguments: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it must come to listen on `port`."""
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port), what=arguments[0])
            yield server
        finally:
            server.terminate()
            try:
                server.wait(GOES_WITHIN_S)
            except subprocess.TimeoutExpired:
                server.kill()


@contextmanager
def redis_server(folder: Path, *, port: int | None = None, append_only: bool = False) -> Iterator[str]:
    """Run a Redis server; yields its URL. The same folder and port bring an append-only store back."""
    port = port or free_port()
    keep = ["--appendonly", "yes", "--appendfsync", "always"] if append_only else ["--appendonly", "no"]
    arguments = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with process([*arguments, "--save", "", *keep], port):
        # It listens before its append-only file is read.
        wait_for(lambda: _answers(port), what="Redis to have read its file")
        yield f"redis://127.0.0.1:{port}/0"


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"PING\r\n")
        try:
            return client.recv(64) == b"+PONG\r\n"
        except TimeoutError:
            # A busy disk holds up who writes each entry: the next look may find it ready.
            return False


@contextmanager
def mosquitto(folder: Path, *, port: int | None = None, password: str = "", more: str = "") -> Iterator[int]:
    """Run an MQTT broker that keeps sessions and retained messages; yields its port.

    With a password it lets in nobody but `facewire`; `more` goes into its configuration. Its process id is in
    `mosquitto.pid`.
    """
    port = port or free_port()
    config, users = folder / f"mosquitto-{port}.conf", folder / "mosquitto.users"
    entry = "allow_anonymous true"
    if password:
        subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(users), "facewire", password], check=True)
        entry = f"allow_anonymous false\npassword_file {users}"
    config.write_text(
        f"listener {port} 127.0.0.1\n{entry}\npersistence true\npid_file {folder}/mosquitto.pid\n"
        f"persistence_location {folder}/\nset_tcp_nodelay true\nuser root\n{more}\n",
        encoding="utf-8",
    )
    with process([program("mosquitto"), "-c", str(config)], port):
        yield port
