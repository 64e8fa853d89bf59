"""Run the whole stack over the demo clip and hold its figures against the targets."""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.filming import film
from runner.plan import ROOT

# What the stack is meant to reach on two x86-64 cores, demo clip 640x480 at 30 fps.
TARGETS = {
    "fps": (">=", 29.8),
    "lost_percent": ("<=", 0.5),
    "capture_to_tracks p95 ms": ("<=", 12.0),
    "capture_to_mqtt p95 ms": ("<=", 20.0),
    "cpu_cores": ("<=", 0.6),
    "peak_rss_mb total": ("<=", 450.0),
    "bus_write_read_ms": ("<=", 1.3),
    "first_picture_s": ("<=", 15.0),
}


# Of each camera, where there are several: 640x480 at 10 fps.
CAMERA_FPS = 10
CAMERA_TARGETS = {"fps": (">=", 9.8), "lost_percent": ("<=", 1.0)}
MOST_CAMERAS = 16


def run(seconds: float, detect_every: str, cameras: int = 1) -> dict[str, Any]:
    """Run `scripts/run` for a while; returns its summary with `first_picture_s`."""
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
        summary = Path(folder) / "summary.json"
        told = os.environ | {"DETECT_EVERY": detect_every} | several(Path(folder), cameras)
        command = ["scripts/run", "--headless", "--duration", str(seconds), "--json-summary", str(summary)]
        started_s, first_s = time.monotonic(), None
        with subprocess.Popen(
            command, cwd=ROOT, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as stack:
            for line in stack.stdout or ():
                # The greeting comes when confirmed faces are on the bus and the dashboard answers.
                if first_s is None and "facewire is up" in line:
                    first_s = time.monotonic() - started_s
        if stack.returncode:
            raise SystemExit(f"scripts/run ended with {stack.returncode}")
        figures: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    shown = {camera["name"] for camera in figures["cameras"]}
    starved = [f"c{number}" for number in range(1, cameras + 1) if cameras > 1 and f"c{number}" not in shown]
    figures["cameras"] += [{"name": name, "fps": 0.0, "lost": 0} for name in starved]
    return figures | {"first_picture_s": round(first_s or float("nan"), 1)}


def several(folder: Path, cameras: int) -> dict[str, str]:
    """Return the settings of several cameras; one is as it is by default."""
    if cameras == 1:
        return {}
    sources = ",".join(f"{name}={clip}" for name, clip in film(folder, cameras, CAMERA_FPS).items())
    return {"CAMERA": "", "CAMERAS": sources, "FRAME_FPS": str(CAMERA_FPS)}


def bus() -> float:
    """Return what `scripts/bench bus` measures for the write and read of a frame."""
    done = subprocess.run(["scripts/bench", "bus"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S607
    return float(json.loads(done.stdout.splitlines()[-1])["bus_write_read_ms"])


def table(figures: dict[str, Any]) -> list[tuple[str, float, str, bool]]:
    """Return figure, value, target and whether it is reached."""
    captured, lost = figures["frames"]["captured"], figures["frames"]["lost"]
    values = {
        "fps": figures["fps"],
        "lost_percent": round(100 * lost / max(captured, 1), 3),
        "capture_to_tracks p95 ms": figures["latency_ms"]["capture_to_tracks"]["p95"],
        "capture_to_mqtt p95 ms": figures["latency_ms"]["capture_to_mqtt"]["p95"],
        "cpu_cores": figures["cpu_cores"],
        "peak_rss_mb total": figures["peak_rss_mb"]["total"],
        "bus_write_read_ms": figures["bus_write_read_ms"],
        "first_picture_s": figures["first_picture_s"],
    }
    rows = []
    for name, (sign, target) in TARGETS.items():
        value = values[name]
        reached = value is not None and (value >= target if sign == ">=" else value <= target)
        rows.append((name, value, f"{sign} {target}", reached))
    return rows


def camera_rows(figures: dict[str, Any]) -> list[tuple[str, float, str, bool]]:
    """Return the same for each of several cameras."""
    rows = []
    for camera in figures["cameras"]:
        captured = camera["fps"] * figures["seconds"] + camera["lost"]
        values = {"fps": camera["fps"], "lost_percent": round(100 * camera["lost"] / max(captured, 1), 3)}
        for name, (sign, target) in CAMERA_TARGETS.items():
            reached = values[name] >= target if sign == ">=" else values[name] <= target
            rows.append((f"{camera['name']} {name}", values[name], f"{sign} {target}", reached))
    return rows


def camera_count(text: str) -> int:
    """Read a number of cameras from the command line."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_CAMERAS):
        raise argparse.ArgumentTypeError(f"wants a number of cameras from 1 to {MOST_CAMERAS}, for example 8")
    return int(text)


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds to run (default 60)")
    parser.add_argument("--detect-every", default="5", help="frames per detection, or auto (default 5)")
    parser.add_argument(
        "--cameras", type=camera_count, default=1, help="cameras of 640x480 at 10 fps (default 1, at 30 fps)"
    )
    asked = parser.parse_args()
    figures = run(asked.duration, asked.detect_every, asked.cameras) | {"bus_write_read_ms": bus()}
    print(f"\n{'figure':26} {'reached':>10}   {'target':10}")
    for name, value, target, reached in table(figures) if asked.cameras == 1 else camera_rows(figures):
        print(f"{name:26} {value!s:>10}   {target:10} {'ok' if reached else 'MISSED'}")
    print(f"peak memory, MB: {figures['peak_rss_mb']}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
