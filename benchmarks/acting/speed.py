"""How fast the bridge is: from an event in the store to the broker's PUBACK, events a second, and its memory."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.acting.happening import all_done, tell
from benchmarks.acting.home import Home, at_home, await_truth

NS_PER_MS = 1e6
BYTES_PER_MB = 2**20


def percentiles(spent_ms: list[float]) -> dict[str, float]:
    """Return p50 and p95."""
    return {f"p{share}": round(float(np.percentile(spent_ms, share)), 2) for share in (50, 95)}


def latency(events: int, per_s: float) -> dict[str, float]:
    """Return how long events take from the store to the PUBACK, in ms, `per_s` of them a second."""
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as name:
        confirmed = Path(name) / "confirmed"
        with at_home(Path(name), module="benchmarks.acting.timed_bridge", BENCH_CONFIRMED=str(confirmed)) as home:
            tell(home.store, 1)
            await_truth(lambda: all_done(home.store, 1), "the first event")
            told = []
            for number in range(2, events + 2):
                told.append(tell(home.store, number))
                time.sleep(1 / per_s)
            await_truth(lambda: all_done(home.store, events + 1), "the last event")
        lines = confirmed.read_text(encoding="utf-8").splitlines()
        at_ns = {event: int(moment) for event, moment in map(str.split, lines)}
    return percentiles([(at_ns[each.id] - each.at_ns) / NS_PER_MS for each in told])


def throughput(events: int) -> dict[str, Any]:
    """Return how many events a second the bridge bears when they wait, and by how much its memory grew meanwhile.

    A fifth of them goes before memory is looked at: by then everything is imported and every buffer made.
    """
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as name, at_home(Path(name)) as home:
        first = events // 5
        _spent_s(home, 0, first)
        before_mb = _rss_mb(home)
        spent_s = _spent_s(home, first, events)
        grown_mb = _rss_mb(home) - before_mb
    return {"events_per_s": round((events - first) / spent_s, 1), "memory_growth_mb": round(grown_mb, 2)}


def _spent_s(home: Home, done: int, until: int) -> float:
    """Let events wait for a bridge that stands still, wake it, and return how long it takes for them."""
    process = psutil.Process(home.bridge.pid)
    process.suspend()
    for number in range(done + 1, until + 1):
        tell(home.store, number)
    process.resume()
    started_s = time.monotonic()
    await_truth(lambda: all_done(home.store, until), "the events", within_s=120)
    return time.monotonic() - started_s


def _rss_mb(home: Home) -> float:
    return float(psutil.Process(home.bridge.pid).memory_info().rss) / BYTES_PER_MB
