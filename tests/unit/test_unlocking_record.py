"""What is remembered of a lock: failures and openings, whatever becomes of the clock and of what is stored."""

from dataclasses import replace

import pytest
from iot_bridge.locks.evidence import Moment
from iot_bridge.locks.record import Record, failed, is_cooling_down, is_locked_out, opened, restored, stored

from tests.unlocking.fakes import NOW, SECOND, START_NS, UNLOCKING, Clock


def test_failures_count_for_a_while_and_lock_out_for_a_while() -> None:
    clock, record = Clock(), Record()
    for _ in range(4):
        record = failed(record, UNLOCKING, clock())
        clock.pass_ns(100 * SECOND)
    assert not is_locked_out(record, UNLOCKING, clock())
    for _ in range(2):
        record = failed(record, UNLOCKING, clock())
    assert not is_locked_out(record, UNLOCKING, clock())
    record = failed(record, UNLOCKING, clock())
    assert is_locked_out(record, UNLOCKING, clock())
    clock.pass_ns(600 * SECOND - 1)
    assert is_locked_out(record, UNLOCKING, clock())
    clock.pass_ns(1)
    assert not is_locked_out(record, UNLOCKING, clock())


@pytest.mark.parametrize(
    ("then", "later", "age_s"),
    [
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9 * SECOND, 59 * SECOND, "a"), 9),
        # The clock was set: within one run of the machine the steady clock tells.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9999 * SECOND, 59 * SECOND, "a"), 9),
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS - 9999 * SECOND, 59 * SECOND, "a"), 9),
        # The machine was started anew: the clock on the wall tells.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9 * SECOND, 3 * SECOND, "b"), 9),
        (Moment(START_NS, 50 * SECOND, ""), Moment(START_NS + 9 * SECOND, 3 * SECOND, ""), 9),
        # And goes wrong: what would lie in the future happened now.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS - 9 * SECOND, 3 * SECOND, "b"), 0),
    ],
)
def test_what_is_remembered_survives_a_restart_and_a_clock_that_is_set(then: Moment, later: Moment, age_s: int) -> None:
    strict = replace(UNLOCKING, failures=2)
    record = opened(failed(failed(Record(), strict, then), strict, then), then)
    found = restored(stored(record, then), later)
    assert (found.locked_out, found.opened) == (later.steady_ns - age_s * SECOND,) * 2
    assert is_cooling_down(found, UNLOCKING, later)
    assert restored({}, later) == Record()


@pytest.mark.parametrize(
    "change",
    [
        {"times": "{"},
        {"times": "[" * 9999},
        {"times": "{}"},
        {"times": '{"failures": 3, "locked_out": null, "opened": null}'},
        {"times": '{"failures": [], "locked_out": "never", "opened": null}'},
        {"times": '{"failures": [true], "locked_out": null, "opened": null}'},
        {"boot": "other", "ahead_ns": "soon"},
    ],
)
def test_garbage_locks_out(change: dict[str, str]) -> None:
    fields = stored(Record(), NOW) | change
    assert is_locked_out(restored(fields, NOW), UNLOCKING, NOW)
    assert is_locked_out(restored({"times": "{}"}, NOW), UNLOCKING, NOW)
