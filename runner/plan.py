"""Decide folders, ports and the environment of every process of a local run."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facewire.given import flaw
from facewire.settings import stop_operator
from runner import env_file
from runner.options import Options

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".facewire"
"""Everything that set-up made and a run leaves behind; git ignores it."""

MQTT_PORT, WEB_PORT, FIRST_METRICS_PORT = 1883, 8080, 9101
PYTHON_SERVICES = ("capture", "detector", "tracker", "iot-bridge", "web")

OWN = ("BUS_URL", "STORE_URL", "RUN_DIR", "METRICS_PORT", "MQTT_HOST", "MQTT_PORT", "WEB_HOST", "WEB_PORT")
"""What a local run decides itself."""

NEARLY = 0.85
"""So alike to a setting's name is none by chance, as those of shells and desktops are."""

# Frames are 0.9 MB: by default glibc maps and unmaps each, and page faults cost more than the copy (measured:
# `scripts/bench bus`). One arena is enough for services that do one thing at a time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_ARENA_MAX": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
# The bridge sees a frame every few seconds, among small things that last: kept, each would cost 2 MB more (ADR 19).
SPARING = {"MALLOC_MMAP_THRESHOLD_": "131072"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where things are in this run, and what each process is told."""

    run_dir: Path
    mqtt_port: int
    web_port: int
    environment: dict[str, dict[str, str]]


def free_port(wanted: int, taken: frozenset[int] = frozenset()) -> int:
    """Return the wanted loopback port, or any free one where it is in use."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
    raise OSError("no free port on the loopback interface")


def check_environment() -> None:
    """End the process over a setting that no service could read; warn of what is not used."""
    known = sorted(env_file.known_names())
    flawed = {name: flaw(os.environ.get(name, ""), lines=name in env_file.SEVERAL_LINES) for name in known}
    if any(flawed.values()):
        stop_operator("; ".join(f"{name}: {why}" for name, why in flawed.items() if why))
    for name in OWN:
        if os.environ.get(name):
            print(f"facewire: {name} is not used: a local run decides it itself", file=sys.stderr)
    for name in sorted(os.environ.keys() - set(known)):
        near = env_file.nearest(name, known, NEARLY)
        if near:
            print(f"facewire: {name} is read by nobody; is {near} meant?", file=sys.stderr)


@contextmanager
def state_folder(run_dir: Path, kept: Path = KEPT) -> Iterator[Path]:
    """Yield where a run's store and broker keep their state: `run_dir` while another run uses what is kept.

    Two servers that append to the same files would destroy them.
    """
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "run.lock").open("w") as lock:
        alone = True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
            print("facewire: another local run is going on here: this one keeps no events and states", file=sys.stderr)
        yield kept if alone else run_dir


def make(options: Options, run_dir: Path, names: list[str], state: Path = KEPT) -> Plan:
    """Plan a run whose sockets and health files live in `run_dir`, and the store's files in `state`."""
    mqtt_port, web_port = free_port(MQTT_PORT), free_port(WEB_PORT)
    shared = _shared(run_dir, mqtt_port, web_port) | {"STORE_DIR": str(state / "store")} | _asked(options)
    environment = {name: dict(shared) for name in names}
    environment["iot-bridge"] |= SPARING
    taken = {mqtt_port, web_port}
    for offset, service in enumerate(PYTHON_SERVICES):
        port = free_port(FIRST_METRICS_PORT + offset, frozenset(taken))
        taken.add(port)
        environment[service]["METRICS_PORT"] = str(port)
    return Plan(run_dir, mqtt_port, web_port, environment)


def _shared(run_dir: Path, mqtt_port: int, web_port: int) -> dict[str, str]:
    bus, store = run_dir / "bus.sock", run_dir / "store.sock"
    defaults = {"LOG_LEVEL": "WARNING", "LOG_FORMAT": "console", "PYTHONUNBUFFERED": "1"}
    defaults["CAMERAS_FILE"] = str(ROOT / "config" / "cameras.yaml")
    defaults["RULES_FILE"] = str(ROOT / "config" / "rules.yaml")
    return {
        **defaults,
        **os.environ,
        **MALLOC,
        "BUS_SOCKET": str(bus),
        "BUS_URL": f"unix://{bus}",
        "STORE_SOCKET": str(store),
        "STORE_URL": f"unix://{store}",
        "RUN_DIR": str(run_dir),
        "MODELS_DIR": str(KEPT / "models"),
        "DEMO_DIR": str(KEPT / "demo"),
        "CACHE_DIR": str(KEPT / "cache"),
        "MOSQUITTO_CONF": str(run_dir / "mosquitto.conf"),
        "MQTT_HOST": "127.0.0.1",
        "MQTT_PORT": str(mqtt_port),
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(web_port),
        # Debian keeps servers in sbin, which is not on every user's PATH.
        "PATH": os.pathsep.join((str(ROOT / ".venv/bin"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin")),
    }


def _asked(options: Options) -> dict[str, str]:
    asked = {"RUN_OPEN_BROWSER": "" if options.headless else "1"}
    if options.camera:
        asked |= {"CAMERA": options.camera, "CAMERAS": ""}
    if options.duration_s is not None:
        asked["RUN_DURATION_S"] = str(options.duration_s)
    if options.summary is not None:
        asked["RUN_SUMMARY"] = str(options.summary.absolute())
    return asked
