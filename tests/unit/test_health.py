"""The health check fails when the loop is stuck or waits; the figures that go with it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from facewire import health
from facewire.health import Health, verdict
from facewire.metrics import Metrics, percentile
from tests.places import ROOT


def write(folder: Path, **fields: object) -> None:
    told = {"service": "test", "instance": "1", "at_s": 100.0, "healthy": True} | fields
    health.write(Health(**told), folder)  # type: ignore[arg-type]


def test_a_fresh_beat_is_healthy_and_an_old_one_is_stuck(tmp_path: Path) -> None:
    write(tmp_path)
    assert verdict("test", tmp_path, 105.0) == (True, "test: healthy")
    healthy, line = verdict("test", tmp_path, 111.0)
    assert not healthy
    assert "stuck for 11 s" in line


def test_who_waits_is_unhealthy_and_says_for_what(tmp_path: Path) -> None:
    write(tmp_path, healthy=False, waiting_for="the broker")
    assert verdict("test", tmp_path, 100.0) == (False, "test: waiting for the broker")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"service": 1}', "null"])
def test_a_garbled_file_is_unhealthy(tmp_path: Path, text: str) -> None:
    (tmp_path / "test.json").write_text(text, encoding="utf-8")
    assert not verdict("test", tmp_path, 100.0)[0]


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facewire.health", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_check_is_a_command_with_exit_codes(tmp_path: Path) -> None:
    assert check("test", str(tmp_path)).returncode == 1
    write(tmp_path, at_s=time.time())
    done = check("test", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "test: healthy\n")
    assert check().returncode == 2


def test_the_check_loads_nothing_heavy() -> None:
    heavy = ("redis", "marshmallow", "numpy", "structlog")
    code = f"import sys, facewire.health; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_percentiles_are_nearest_rank() -> None:
    assert percentile([float(n) for n in range(1, 101)], 95) == 95
    assert percentile([3.0], 50) == 3.0


def test_figures_show_rate_and_latency(metrics: Metrics) -> None:
    assert metrics.figures() == {"fps": 0.0, "dropped": 0}
    for _ in range(10):
        metrics.handled("door", time.time_ns() - 5_000_000)
    figures = metrics.figures()
    assert 5 <= figures["latency_p50_ms"] < 50
    assert figures["fps"] > 0


def test_figures_show_what_was_dropped_and_what_is_shown(metrics: Metrics) -> None:
    metrics.dropped("late", 3)
    metrics.dropped("above_frame_fps")
    metrics.set("hottest_c", 61.2)
    metrics.set("hottest_c", 60.0)
    assert metrics.figures() == {"fps": 0.0, "dropped": 4, "hottest_c": 60.0}
