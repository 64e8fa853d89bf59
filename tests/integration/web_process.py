"""The dashboard as a process, a camera that shows it what was published, and viewers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

from facewire import keys
from facewire.health import verdict
from facewire.heartbeat import Heartbeat
from facewire.link import Link, RedisAwayError, connect
from facewire.messages import Frame, Person, Track, Tracks
from facewire.metrics import Metrics
from facewire.streams import Publisher, announce
from tests.e2e.stream import Part, parts
from tests.processes import END_WITHIN_S, environment
from tests.servers import HUNG_S, free_port, wait_for

SIZE = (96, 64)
NOISY_SIZE = (640, 480)
NOWHERE = "redis://127.0.0.1:9/0"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request came to."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Web:
    """A dashboard process and where it leaves traces."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    run_dir: Path
    log: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> Answer:
        return get(self.url(path))

    def answers(self, path: str = "/healthz") -> bool:
        try:
            return self.get(path).status == 200
        except OSError:
            return False

    def watch(self, camera: str = "door", query: str = "") -> Generator[Part, None, None]:
        yield from parts(self.url(f"/stream/{camera}.mjpg{query}"))

    def verdict(self) -> tuple[bool, str]:
        return verdict("web", self.run_dir, time.time())

    def healthy(self) -> bool:
        return self.verdict()[0]

    def workers(self) -> set[psutil.Process]:
        return set(psutil.Process(self.process.pid).children())

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples, whatever their labels; `name` may end in labels of its own."""
        lines = get(f"http://127.0.0.1:{self.metrics_port}/metrics").body.decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line.startswith(f"facewire_web_{name}"))
        return sum(float(value) for _, value in samples)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal; it must end in time, with exit code 0."""
        self.process.send_signal(number)
        assert self.process.wait(END_WITHIN_S) == 0


def get(url: str) -> Answer:
    try:
        with urllib.request.urlopen(url, timeout=HUNG_S) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.read(), dict(refusal.headers))


@contextmanager
def web(folder: Path, bus_url: str, store_url: str = NOWHERE, **settings: str) -> Iterator[Web]:
    """Run the dashboard until the block ends; what is left of it then is ended too."""
    port, metrics_port = free_port(), free_port()
    given = {"WEB_PORT": str(port), "METRICS_PORT": str(metrics_port)} | settings
    env, log = environment(folder, BUS_URL=bus_url, STORE_URL=store_url, **given), folder / "web.log"
    with (
        log.open("wb") as said,
        subprocess.Popen([sys.executable, "-m", "web"], env=env, stdout=said, stderr=said) as process,
    ):
        running = Web(process, port, metrics_port, folder / "run", log)
        try:
            wait_for(lambda: running.answers() or process.poll() is not None, "the dashboard")
            yield running
            if process.poll() is None:
                running.end()
        finally:
            kill(process)
    assert "Traceback" not in log.read_text(encoding="utf-8")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End what a failed test left running: the master and its worker."""
    if process.poll() is None:
        family = psutil.Process(process.pid)
        for member in (*family.children(), family):
            member.kill()


def refused(folder: Path, **settings: str) -> str:
    """Run the dashboard, which must refuse to start; returns its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "web"],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=HUNG_S,
        check=False,
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("facewire: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def shade(seq: int) -> int:
    """Return how light the picture of a seq is: neighbours differ by far more than JPEG blurs."""
    return 20 + seq * 37 % 200


def tracks(camera: str, seq: int, captured_ns: int) -> Tracks:
    """Return the tracks of a seq, different for each."""
    person = Person(f"Zoë\r\n\r\n{seq}", 0.5) if seq % 2 else None
    left = 10.0 + seq % 40
    track = Track(1 + seq, (left, 12.5, left + 30, 50.25), 0.875, "confirmed", seq, (1.5, -2.0), person)
    return Tracks(camera, seq, captured_ns, (track,))


@dataclass(slots=True)
class Camera:
    """Publishes frames and tracks as capture and tracker would, also across a restart of the bus."""

    link: Link
    name: str
    noisy: bool = False
    seq: int = 0
    frames_ns: dict[int, int] = field(default_factory=dict)
    published: dict[int, Tracks] = field(default_factory=dict)
    stop: Event = field(default_factory=Event)

    def shoot(self) -> None:
        """Publish the next frame and, after it, its tracks."""
        self.seq += 1
        width, height = NOISY_SIZE if self.noisy else SIZE
        size = width * height * 3
        data = os.urandom(size) if self.noisy else bytes([shade(self.seq)]) * size
        self.frames_ns[self.seq] = time.time_ns()
        frame = Frame(self.name, self.seq, self.frames_ns[self.seq], width, height, "bgr24", data)
        Publisher(self.link, keys.FRAMES, Metrics("test")).publish(frame)
        self.track(self.seq)

    def track(self, seq: int) -> None:
        """Publish the tracks of a frame."""
        # Noted before anybody can see it.
        self.published[seq] = tracks(self.name, seq, self.frames_ns[seq])
        Publisher(self.link, keys.TRACKS, Metrics("test")).publish(self.published[seq])

    def announce(self) -> None:
        with suppress(RedisAwayError):
            announce(self.link, self.name)

    def film(self) -> None:
        """Shoot 25 pictures a second until `stop` is set."""
        while not self.stop.wait(0.04):
            self.announce()
            self.shoot()


@contextmanager
def camera(
    folder: Path, bus_url: str, name: str = "door", *, noisy: bool = False, running: bool = True
) -> Iterator[Camera]:
    """A camera that films until the block ends, or is announced and films only when told."""
    metrics, client = Metrics("test"), connect(bus_url)
    heartbeat = Heartbeat("camera", folder, metrics, watchdog_s=None)
    made = Camera(Link(client, "bus", heartbeat, metrics), name, noisy)
    made.announce()
    thread = Thread(target=made.film, daemon=True)
    if running:
        thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        if running:
            thread.join()
        client.close()


def ask(web: Web, path: str) -> socket.socket:
    """Ask for a stream on a connection that takes little before it is read."""
    line = socket.socket()
    line.settimeout(HUNG_S)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.connect(("127.0.0.1", web.port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return line
