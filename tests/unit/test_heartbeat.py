"""Every loop must go round: one that falls silent shows although others beat, and ends its process."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from facewire.health import STALE_S, verdict
from facewire.heartbeat import BEAT_EVERY_S, WATCHDOG_S, Heartbeat, resident_mb
from facewire.metrics import Metrics
from tests.places import ROOT
from tests.servers import HUNG_S, wait_for


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Loop:
    """A thread that is registered as a loop and beats when a test says so."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._turn, self._done, self._end = Event(), Event(), False
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def beat(self) -> None:
        self._turn.set()
        self._wait()

    def end(self) -> None:
        self._end = True
        self._turn.set()
        self._thread.join(HUNG_S)

    def _wait(self) -> None:
        assert self._done.wait(HUNG_S)
        self._done.clear()

    def _run(self) -> None:
        with self._heartbeat.loop():
            self._done.set()
            while self._turn.wait(HUNG_S) and not self._end:
                self._turn.clear()
                self._heartbeat.beat()
                self._done.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulse(tmp_path: Path, metrics: Metrics, clock: Clock) -> Heartbeat:
    """A heartbeat whose time a test moves."""
    return Heartbeat("test", tmp_path, metrics, watchdog_s=None, clock=clock)


@pytest.fixture
def loop(pulse: Heartbeat) -> Iterator[Loop]:
    running = Loop(pulse)
    yield running
    running.end()


def told(folder: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    return fields


def writes(folder: Path, heartbeat: Heartbeat) -> bool:
    """Say whether a beat of this thread brings the health file back."""
    (folder / "test.json").unlink(missing_ok=True)
    heartbeat.beat()
    return (folder / "test.json").exists()


def test_beats_are_written_once_a_second(tmp_path: Path, pulse: Heartbeat, clock: Clock) -> None:
    assert writes(tmp_path, pulse)
    clock.now_s = 0.9
    assert not writes(tmp_path, pulse)
    clock.now_s = 1.0
    assert writes(tmp_path, pulse)


def test_a_loop_that_falls_silent_is_not_hidden_by_another_threads_beats(
    tmp_path: Path, pulse: Heartbeat, clock: Clock, loop: Loop
) -> None:
    clock.now_s = STALE_S
    assert writes(tmp_path, pulse)
    clock.now_s += BEAT_EVERY_S
    assert not writes(tmp_path, pulse)

    loop.beat()
    assert (tmp_path / "test.json").exists()
    clock.now_s += BEAT_EVERY_S
    assert writes(tmp_path, pulse)


def test_every_loop_counts_not_only_the_last(tmp_path: Path, pulse: Heartbeat, clock: Clock, loop: Loop) -> None:
    other = Loop(pulse)
    clock.now_s = STALE_S + BEAT_EVERY_S
    other.beat()
    assert not writes(tmp_path, pulse)
    loop.beat()
    assert (tmp_path / "test.json").exists()
    other.end()


def test_a_loop_that_has_ended_is_not_missed(tmp_path: Path, pulse: Heartbeat, clock: Clock, loop: Loop) -> None:
    loop.end()
    clock.now_s = 2 * STALE_S
    assert writes(tmp_path, pulse)


def test_a_loop_that_failed_is_not_missed(tmp_path: Path, pulse: Heartbeat, clock: Clock) -> None:
    def fail() -> None:
        with pulse.loop():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    clock.now_s = 2 * STALE_S
    assert writes(tmp_path, pulse)


def test_where_no_loop_is_registered_any_beat_counts(tmp_path: Path, pulse: Heartbeat, clock: Clock) -> None:
    for _ in range(3):
        clock.now_s += 2 * STALE_S
        assert writes(tmp_path, pulse)


def test_news_of_others_do_not_hide_a_silent_loop_either(
    tmp_path: Path, pulse: Heartbeat, clock: Clock, loop: Loop
) -> None:
    clock.now_s = STALE_S + BEAT_EVERY_S
    pulse.waiting("bus", "Redis")
    pulse.ready("bus")
    assert not (tmp_path / "test.json").exists()
    loop.beat()
    assert told(tmp_path)["healthy"] is True


def test_it_waits_for_its_first_message_until_something_else_is_known(tmp_path: Path, heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert verdict("test", tmp_path, time.time()) == (False, "test: waiting for its first message")
    heartbeat.waiting("bus", "Redis")
    assert told(tmp_path)["waiting_for"] == "Redis"
    heartbeat.ready("bus")
    assert verdict("test", tmp_path, time.time()) == (True, "test: healthy")


def test_waiting_and_ready_are_told_at_once(tmp_path: Path, heartbeat: Heartbeat) -> None:
    heartbeat.ready()
    assert told(tmp_path)["healthy"] is True
    heartbeat.waiting("bus", "Redis")
    heartbeat.waiting("mqtt", "the broker")
    assert told(tmp_path)["waiting_for"] == "Redis, the broker"
    heartbeat.waiting("mqtt", "the broker, which refuses us")
    assert told(tmp_path)["waiting_for"] == "Redis, the broker, which refuses us"
    heartbeat.ready("bus")
    assert told(tmp_path)["healthy"] is False
    heartbeat.ready("mqtt")
    assert told(tmp_path)["healthy"] is True


def test_what_is_told_again_is_not_written_again(tmp_path: Path, pulse: Heartbeat) -> None:
    pulse.waiting("bus", "Redis")
    (tmp_path / "test.json").unlink()
    pulse.waiting("bus", "Redis")
    pulse.ready("something that was never waited for")
    assert not (tmp_path / "test.json").exists()


def test_notes_come_with_the_next_beat_the_latest_of_each_name(
    tmp_path: Path, pulse: Heartbeat, clock: Clock, metrics: Metrics
) -> None:
    metrics.handled("door", time.time_ns())
    pulse.note("backend", "onnxruntime")
    pulse.beat()
    pulse.note("backend", "tvm")
    pulse.note("camera", "demo 640x480@30")
    assert told(tmp_path)["notes"] == {"backend": "onnxruntime"}
    clock.now_s = BEAT_EVERY_S
    pulse.beat()
    assert told(tmp_path)["notes"] == {"backend": "tvm", "camera": "demo 640x480@30"}
    figures: Any = told(tmp_path)["figures"]
    assert 10 < figures.pop("memory_mb") < 10_000
    assert figures == metrics.figures()


def test_memory_is_read_from_the_kernel_where_there_is_one(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    assert resident_mb(statm) == 0.0
    statm.write_text("5000 2500 900 1 0 400 0\n", encoding="ascii")
    assert resident_mb(statm) == round(2500 * resource.getpagesize() / 1e6, 1)


def test_many_threads_at_once_break_nothing(tmp_path: Path, metrics: Metrics) -> None:
    # A clock that jumps makes every beat write.
    heartbeat = Heartbeat("test", tmp_path, metrics, watchdog_s=WATCHDOG_S, clock=lambda: time.monotonic() * 1000)
    heartbeat.beat()
    together = Barrier(8)

    def use(number: int) -> None:
        together.wait(HUNG_S)
        with heartbeat.loop():
            for turn in range(100):
                heartbeat.waiting(f"thing {number}", f"reason {turn % 3}")
                heartbeat.note(f"note {number}", str(turn))
                heartbeat.beat()
                told(tmp_path)
                heartbeat.ready(f"thing {number}")

    with ThreadPoolExecutor(8) as pool:
        for used in [pool.submit(use, number) for number in range(8)]:
            used.result(HUNG_S)
    heartbeat.waiting("bus", "Redis")
    assert told(tmp_path)["waiting_for"] == "Redis"
    assert told(tmp_path)["notes"] == {f"note {number}": "99" for number in range(8)}
    heartbeat.close()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_a_clean_end_nor_comes_back(tmp_path: Path, pulse: Heartbeat, clock: Clock) -> None:
    pulse.beat()
    pulse.close()
    assert list(tmp_path.iterdir()) == []
    clock.now_s += BEAT_EVERY_S
    pulse.waiting("store", "a thread that outlived the service")
    pulse.beat()
    assert list(tmp_path.iterdir()) == []


STUCK = """
import pathlib, sys, threading, time
from facewire.heartbeat import Heartbeat
from facewire.metrics import Metrics

heartbeat = Heartbeat("test", pathlib.Path(sys.argv[1]), Metrics("test"), watchdog_s=0.5)

def stuck_here():
    with heartbeat.loop():
        time.sleep(3600)

def beat():
    while True:
        heartbeat.beat()
        time.sleep(0.05)

if sys.argv[2] == "alone":
    heartbeat.beat()
    stuck_here()
else:
    # A silence of ten seconds is a silence of a tenth here.
    heartbeat._clock = lambda: time.monotonic() * 100
    threading.Thread(target=stuck_here, daemon=True).start()
    beat()
"""


@pytest.mark.parametrize("company", ["alone", "beside a thread that beats"])
def test_a_stuck_loop_ends_its_process_and_shows_where(tmp_path: Path, company: str) -> None:
    command = [sys.executable, "-c", STUCK, str(tmp_path), company]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=HUNG_S)
    assert done.returncode != 0
    assert "in stuck_here" in done.stderr


def test_a_loop_that_goes_round_is_not_ended(tmp_path: Path) -> None:
    code = STUCK.replace("time.sleep(3600)", "beat()").replace("watchdog_s=0.5", "watchdog_s=5")
    command = [sys.executable, "-c", code, str(tmp_path), "alone"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for((tmp_path / "test.json").exists, what="the first beat")
            # Longer than the watchdog's patience.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(7)
        finally:
            process.kill()
