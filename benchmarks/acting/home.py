"""A home for benchmarks: Redis servers, broker and bridge as real processes, which may be killed and come back."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from facewire.link import connect
from runner.plan import KEPT, MALLOC, ROOT, free_port

NODE = "door-pi"
BASE = f"facewire/{NODE}"
UP_WITHIN_S = 20.0
# Saved at every change: what the broker has confirmed it has not forgotten when it comes back.
BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
user root
max_queued_messages 100000
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
"""


@dataclass
class Server:
    """A process that is started again as it was."""

    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, cwd=ROOT, stdout=log, stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    @property
    def pid(self) -> int:
        """The process's id, 0 while it does not run."""
        return self.process.pid if self.process else 0


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything is."""

    folder: Path
    bus: redis.Redis
    store: redis.Redis
    mqtt_port: int
    broker: Server
    bridge: Server


@contextmanager
def at_home(
    folder: Path, rules: str = "", module: str = "iot_bridge", others: Sequence[str] = (), **told: str
) -> Iterator[Home]:
    """Run servers, broker and bridge until the block ends.

    Args:
        folder: where they leave their files.
        rules: what `rules.yaml` says.
        module: what is run as the bridge.
        others: which services more.
        told: more of their environment.
    """
    environment, port = _environment(folder, rules) | told, free_port(0)
    environment |= {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(port)}
    (folder / "mosquitto.conf").write_text(BROKER.format(port=port, folder=folder), encoding="utf-8")

    def server(name: str, *command: str) -> Server:
        return Server(command, environment, folder / f"{name}.log")

    plain = ("--port", "0", "--unixsocket")
    servers = {
        "bus": server("bus", "redis-server", "config/redis/bus.conf", *plain, f"{folder}/bus.sock"),
        "store": server(
            "store", "redis-server", "config/redis/store.conf", *plain, f"{folder}/store.sock", "--dir", str(folder)
        ),
        "mqtt": server("mqtt", "mosquitto", "-c", f"{folder}/mosquitto.conf"),
        "bridge": server("bridge", sys.executable, "-m", module),
    } | {name: server(name, sys.executable, "-m", name) for name in others}
    try:
        for each in servers.values():
            each.start()
        bus, store = connect(environment["BUS_URL"]), connect(environment["STORE_URL"])
        home = Home(folder, bus, store, port, servers["mqtt"], servers["bridge"])
        await_truth(lambda: _up(home), "the servers")
        yield home
    finally:
        for each in reversed(servers.values()):
            each.end()


def await_truth(truth: Callable[[], bool], what: str, within_s: float = UP_WITHIN_S) -> None:
    """Wait until something is true.

    Raises:
        SystemExit: it does not become true in time.
    """
    end_s = time.monotonic() + within_s
    while not truth():
        if time.monotonic() > end_s:
            raise SystemExit(f"waited {within_s} s for {what}")
        time.sleep(0.02)


def _environment(folder: Path, rules: str) -> dict[str, str]:
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    (folder / "run").mkdir()
    mine = {
        "BUS_URL": f"unix://{folder}/bus.sock",
        "STORE_URL": f"unix://{folder}/store.sock",
        "RUN_DIR": str(folder / "run"),
        "RULES_FILE": str(folder / "rules.yaml"),
        "NODE_ID": NODE,
        "LOG_LEVEL": "WARNING",
        "MODELS_DIR": str(KEPT / "models"),
        "DEMO_DIR": str(KEPT / "demo"),
        "CACHE_DIR": str(KEPT / "cache"),
        "PATH": os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")),
    }
    return os.environ | MALLOC | mine


def _up(home: Home) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", home.mqtt_port), 0.2):
            return bool(home.bus.ping() and home.store.ping())
    except (OSError, redis.RedisError):
        return False
