"""The store as the product runs it, with the shipped settings; tests kill and damage it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import redis

from facewire.codec import encode
from facewire.messages import FaceEvent
from tests.places import ROOT
from tests.servers import GOES_WITHIN_S, _answers, free_port, wait_for

START = ROOT / "config" / "redis" / "start-store"


@dataclass(frozen=True, slots=True)
class ShippedStore:
    """A running store, its folder and its log."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Any:
        return redis.Redis.from_url(self.url)

    @property
    def log(self) -> str:
        return log_of(self.folder)

    def server(self) -> psutil.Process:
        """Return the Redis server's own process."""
        (server,) = psutil.Process(self.process.pid).children()
        return server

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.server().kill()
        assert self.process.wait(GOES_WITHIN_S) != 0


def log_of(folder: Path) -> str:
    return folder.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


def start(folder: Path, *arguments: str) -> tuple["subprocess.Popen[bytes]", int]:
    """Start the store in a folder; its log goes beside it."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = [str(START), str(folder), "--port", str(port), "--bind", "127.0.0.1", *arguments]
    path = os.pathsep.join((os.environ["PATH"], "/usr/sbin"))
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PATH": path}), port


@contextmanager
def shipped_store(folder: Path, *arguments: str) -> Iterator[ShippedStore]:
    """Run the store until the block ends; it has read its files when the block begins."""
    process, port = start(folder, *arguments)
    try:
        wait_for(lambda: process.poll() is not None or (_listens(port) and _answers(port)), "the store")
        assert process.poll() is None, log_of(folder)
        yield ShippedStore(folder, port, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(GOES_WITHIN_S)


def _listens(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port).ping())
    except redis.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False


def event(number: int, size_bytes: int = 0) -> FaceEvent:
    """Return an event with a picture of a size; none with 0."""
    picture = b"\xff\xd8" + os.urandom(size_bytes) if size_bytes else None
    return FaceEvent(f"door-{number}-appeared", "appeared", "door", number, None, 1, 2, snapshot=picture)


def fill(client: Any, events: list[FaceEvent], key: str = "events") -> None:
    """Append events in one go, as an earlier release did."""
    with client.pipeline(transaction=False) as pipe:
        for each in events:
            pipe.xadd(key, {"m": encode(each)}, maxlen=100_000)
        pipe.execute()
