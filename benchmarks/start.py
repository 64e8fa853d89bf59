"""Measure the disk, memory and minutes of a first start, in a fresh clone: `scripts/run`, or compose with `--docker`.

Debian packages are not part of it: `scripts/run` installs Redis and Mosquitto (10 MB) where they are missing.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

from runner.plan import ROOT

MB = 1_000_000
SAMPLE_S = 0.25
RUN_S = 30
PROJECT = "facewire-first-start"


@dataclass(slots=True)
class PeakMemory:
    """Samples the memory of a process and its descendants; pages that several share count once."""

    root: psutil.Process
    peak_mb: float = 0.0

    def watch(self, stop: Event) -> None:
        """Sample until `stop` is set."""
        while not stop.wait(SAMPLE_S):
            with suppress(psutil.Error):
                processes = [self.root, *self.root.children(recursive=True)]
                self.peak_mb = max(self.peak_mb, sum(map(proportional_mb, processes)))


def proportional_mb(process: psutil.Process) -> float:
    """Return the proportional set size of a process in MB, 0 if it has ended (proc_pid_smaps_rollup(5))."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / MB


def disk_mb(folder: Path) -> float:
    """Return the disk space below a folder in MB."""
    done = subprocess.run(["du", "-sk", str(folder)], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S607
    return int(done.stdout.split()[0]) * 1024 / MB


def measure_run(clone: Path) -> dict[str, Any]:
    """Start `scripts/run` in a fresh clone; the first picture ends the start."""
    before_mb = disk_mb(clone)
    command = ["scripts/run", "--headless", "--duration", str(RUN_S), "--json-summary", "summary.json"]
    began_s, up_s, stop = time.monotonic(), float("nan"), Event()
    with subprocess.Popen(command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
        memory = PeakMemory(psutil.Process(started.pid))
        sampling = Thread(target=memory.watch, args=(stop,))
        sampling.start()
        for line in started.stdout or ():
            print(f"  {line}", end="", flush=True)
            if "facewire is up" in line:
                up_s = time.monotonic() - began_s
        stop.set()
        sampling.join()
    if started.returncode:
        raise SystemExit(f"scripts/run ended with {started.returncode}")
    summary = json.loads((clone / "summary.json").read_text(encoding="utf-8"))
    return {
        "first_picture_min": round(up_s / 60, 1),
        "disk_mb": round(disk_mb(clone) - before_mb),
        "setup_peak_mb": round(memory.peak_mb),
        "running_mb": round(sum(mb for name, mb in summary["peak_rss_mb"].items() if name != "total")),
    }


def measure_docker(clone: Path) -> dict[str, Any]:
    """Build the images without cache and start the stack until each part is healthy."""
    compose = ["docker", "compose", "-p", PROJECT]
    told = os.environ | {"WEB_PORT": "18080"}
    began_s = time.monotonic()
    try:
        run([*compose, "build", "--no-cache", "--quiet"], clone, told)
        built_s = time.monotonic()
        run([*compose, "up", "-d", "--wait", "--quiet-pull"], clone, told)
        up_s = time.monotonic()
        time.sleep(RUN_S)
        running = run([*compose, "ps", "--quiet"], clone, told).split()
        stats = run(["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *running], clone, told)
        images = json.loads(run([*compose, "images", "--format", "json"], clone, told))
    finally:
        run([*compose, "down", "--volumes"], clone, told)
    sizes = {image["Repository"]: image["Size"] for image in images}
    return {
        "build_min": round((built_s - began_s) / 60, 1),
        "up_min": round((up_s - built_s) / 60, 1),
        "images_mb": {name: round(size / MB) for name, size in sorted(sizes.items())},
        "running_mb": round(sum(map(_memory_mb, stats.splitlines()))),
    }


def run(command: Sequence[str], folder: Path, told: dict[str, str]) -> str:
    """Run a command to its end and return its output."""
    done = subprocess.run(command, cwd=folder, env=told, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _memory_mb(usage: str) -> float:
    number = usage.partition("/")[0].strip()
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)):
        if number.endswith(unit):
            return float(number.removesuffix(unit)) * factor / MB
    raise ValueError(f"docker stats: {usage!r} is no amount of memory")


def main() -> None:
    """Measure in a temporary clone, print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docker", action="store_true", help="docker compose build and up instead of scripts/run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facewire-start-") as folder:
        clone = Path(folder) / "facewire"
        run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(clone)], ROOT, dict(os.environ))
        figures = measure_docker(clone) if asked.docker else measure_run(clone)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
