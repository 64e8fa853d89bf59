"""The home's benchmark counts what it claims to count."""

import json

from benchmarks.acting.chaos import late
from benchmarks.acting.hearing import Heard
from benchmarks.acting.stack import COMMAND, waits_ms
from benchmarks.iot import TARGETS, targets

MS = 1_000_000


def event(captured_ms: int, at_ms: int) -> Heard:
    return Heard("facewire/door-pi/door/event", json.dumps({"captured_ns": captured_ms * MS}).encode(), at_ms * MS)


def unlock(name: str, expires_ms: int, at_ms: int) -> Heard:
    return Heard("front/command", json.dumps({"id": name, "expires_ns": expires_ms * MS}).encode(), at_ms * MS)


def test_a_command_is_timed_from_the_frame_of_the_event_before_it() -> None:
    heard = [Heard(COMMAND, b"{}", 0), event(100, 120), Heard(COMMAND, b"{}", 125 * MS), event(200, 230)]
    assert waits_ms([*heard, Heard("other", b"", 0), Heard(COMMAND, b"{}", 240 * MS)]) == [25.0, 40.0]


def test_an_unlock_after_its_expiry_or_heard_twice_is_late() -> None:
    in_time, too_late = unlock("a", 2000, 1999), unlock("b", 2000, 2001)
    assert late([in_time]) == 0
    assert late([in_time, too_late]) == 1
    assert late([in_time, in_time]) == 1


def test_every_target_is_held_against_its_own_figure() -> None:
    figures = {
        "event_to_puback_ms": {"p95": 15.1},
        "capture_to_command_ms": {"p95": 99.0},
        "events_per_s": 499.0,
        "memory_growth_mb": 0.1,
        "chaos": {"lost": 1, "duplicated": 0, "late_unlocks": 0},
        "policy": {"forbidden_unlocks": 1},
    }
    missed = {target.name for target in targets(figures) if target.verdict == "MISSED"}
    assert missed == {"event_to_puback_ms p95", "events_per_s", "lost", "forbidden_unlocks"}
    assert len(targets(figures)) == len(TARGETS)
