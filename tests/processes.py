"""Run a service as a process of its own, and servers that it must do without at times; each ends by its own id."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from facewire.health import verdict
from tests.places import ROOT
from tests.servers import HUNG_S, free_port, redis_server, wait_for

SECRET = "s3cr3t-passw0rd"
"""What tests put where a secret belongs; no process may print it."""

END_WITHIN_S = 15
"""Docker kills who takes ten seconds to end; a machine that also runs other tests may take half as long again."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service's process and where it leaves traces."""

    name: str
    process: subprocess.Popen[str]
    run_dir: Path
    log: Path
    metrics_port: int | None = None

    def healthy(self) -> bool:
        return verdict(self.name, self.run_dir, time.time())[0]

    def says(self) -> str:
        """Return the line that the container's health check would print."""
        return verdict(self.name, self.run_dir, time.time())[1]

    def told(self) -> dict[str, Any]:
        """Return what the health file holds; nothing if there is none yet."""
        try:
            health: dict[str, Any] = json.loads((self.run_dir / f"{self.name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return health

    def notes(self) -> dict[str, str]:
        return dict(self.told().get("notes", {}))

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def counted(self, metric: str, **labels: str) -> float:
        """Return a counter of the metrics endpoint, 0 before it first counts."""
        return self.sample(f"facewire_{self.name.replace('-', '_')}_{metric}_total", **labels)

    def sample(self, name: str, **labels: str) -> float:
        """Return a sample of the metrics endpoint, all that have these labels together; 0 where there is none."""
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=HUNG_S) as answer:
                text = answer.read().decode()
        except URLError:
            return 0.0
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(
            sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to end; it must do so in time, cleanly, and take its health file along."""
        self.process.send_signal(number)
        code = self.process.wait(END_WITHIN_S)
        assert code == 0, self.output()
        assert list(self.run_dir.iterdir()) == []


@dataclass(slots=True)
class FickleRedis:
    """A Redis server that a test takes away and brings back; its memory does not survive, its append-only file does."""

    folder: Path
    append_only: bool = False
    port: int = field(default_factory=free_port)
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def come(self) -> None:
        self._running.enter_context(redis_server(self.folder, port=self.port, append_only=self.append_only))

    def go(self) -> None:
        self._running.close()


@contextmanager
def fickle_redis(folder: Path, *, append_only: bool = False) -> Iterator[FickleRedis]:
    """Yield a Redis server that is away; it is gone again when the block ends."""
    folder.mkdir()
    server = FickleRedis(folder, append_only)
    try:
        yield server
    finally:
        server.go()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return all that a service's process is told; nothing of the test's own environment gets in.

    Unless it is told another store, the bus is its store, too.
    """
    packages = [ROOT, *sorted((ROOT / "services").iterdir())]
    away = "redis://127.0.0.1:9/0"
    told = {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PATH": os.environ["PATH"]}
    store = settings.get("BUS_URL", away)
    return told | {"BUS_URL": away, "STORE_URL": store, "RUN_DIR": str(folder / "run")} | settings


@contextmanager
def service(name: str, folder: Path, *, command: Sequence[str] = (), **settings: str) -> Iterator[Running]:
    """Run a service until the block ends; unless it ended before, it must then end in time, cleanly.

    Args:
        name: the service's name, and its module's if there is no `command`.
        folder: where its run folder and its log go; the same for a restart.
        command: Python's arguments instead of `-m name`.
        **settings: its environment.
    """
    run_dir, log = folder / "run", folder / f"{name}.log"
    port = settings.get("METRICS_PORT")
    with (
        log.open("a", encoding="utf-8") as output,
        subprocess.Popen(
            [sys.executable, *(command or ("-m", name))],
            env=environment(folder, **settings),
            stdout=output,
            stderr=output,
            text=True,
        ) as process,
    ):
        running = Running(name, process, run_dir, log, int(port) if port else None)
        try:
            wait_for(lambda: (run_dir / f"{name}.json").exists() or process.poll() is not None, "a heartbeat")
            yield running
            if process.poll() is None:
                running.end()
        finally:
            process.kill()
    assert SECRET not in running.output()


def refused(name: str, folder: Path, *, command: Sequence[str] = (), **settings: str) -> str:
    """Run a service that must refuse to run: exit code 2. Returns the last line, which is the only one for people."""
    done = subprocess.run(
        [sys.executable, *(command or ("-m", name))],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=HUNG_S,
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    # What begins with a brace is the structured log.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("facewire: ")
    return lines[0]
