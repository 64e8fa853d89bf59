"""No sequence of anything that may happen opens a lock that the written policy keeps shut, or opens one twice."""

from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from iot_bridge.locks import doorkeeper, evidence, opening, policy
from iot_bridge.locks.doorkeeper import Doorkeeper
from iot_bridge.locks.evidence import Moment

from facewire.audit import Reason, Verdict
from tests.unlocking.fakes import SECOND, Store
from tests.unlocking.sequences import STEPS, Outcome, run_policy_sequences

SEQUENCES = 10_000
# So many of them follow from a seed, whatever Hypothesis comes upon.
SEEDED = 1_500
# Of locking, of the real line, and of a PIN that was never set: other tests have these.
NOT_HERE = {"late_event", "nobody_listens", "not_permitted", "no_pin"}
FORBIDDEN, MISSING = "forbidden", "missing"
TESTS = policy._tests


def test_ten_thousand_sequences_open_what_the_policy_allows_once_and_nothing_else() -> None:
    everything = run_policy_sequences(SEEDED, seed=1)
    assert everything.forbidden == everything.missing == []

    @settings(
        max_examples=SEQUENCES - SEEDED,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=8, max_size=2 * STEPS))
    def anything_happens(script: bytes) -> None:
        outcome = Outcome()
        outcome.add(script)
        assert not outcome.forbidden
        assert not outcome.missing
        everything.merge(outcome)

    anything_happens()
    assert everything.sequences >= SEQUENCES
    assert everything.unlocks > SEQUENCES / 4
    # Else a rule was never put to the test.
    assert set(everything.reasons) == set(get_args(Reason)) - NOT_HERE
    assert set(everything.verdicts) == set(get_args(Verdict))


def without(index: int) -> dict[str, Any]:
    """Break one of the tests that each look must pass."""
    return {"_tests": lambda person, numbers: [test for n, test in enumerate(TESTS(person, numbers)) if n != index]}


BROKEN: dict[str, tuple[Any, dict[str, Any], set[str]]] = {
    "1 anybody": (policy, {"_who": lambda *_: None}, {FORBIDDEN}),
    "2 old looks": (evidence, {"STALE_NS": 60 * SECOND}, {FORBIDDEN, MISSING}),
    "2 the future": (evidence, {"AHEAD_NS": 60 * SECOND}, {FORBIDDEN, MISSING}),
    "2 replays": (evidence, {"_is_replayed": lambda *_: False}, {FORBIDDEN, MISSING}),
    "3 any frame": (evidence, {"NEAR_NS": 60 * SECOND}, {FORBIDDEN, MISSING}),
    "4 a set clock": (Moment, {"jumped_since": lambda *_: False}, {FORBIDDEN, MISSING}),
    "5 long ago": (policy, {"WINDOW_NS": 600 * SECOND}, {FORBIDDEN, MISSING}),
    "7 unsure": (policy, without(0), {FORBIDDEN}),
    "7 unlike": (policy, without(1), {FORBIDDEN}),
    "7 too close": (policy, without(2), {FORBIDDEN}),
    "7 a photo": (policy, without(3), {FORBIDDEN}),
    "7 too small": (policy, without(4), {FORBIDDEN}),
    "8 stale": (policy, {"STALE_NS": 60 * SECOND}, {FORBIDDEN}),
    "9 silent": (policy, {"SHOWN_NS": 60 * SECOND}, {FORBIDDEN}),
    "9 gone": (policy, {"_there": lambda _track, shown, _now: None if shown else "gone"}, {FORBIDDEN}),
    "10 no rule": (Doorkeeper, {"_no_rule": lambda *_: None}, {FORBIDDEN}),
    "11 switched off": (Store, {"is_on": lambda *_: True}, {FORBIDDEN}),
    "12 nothing counts": (Doorkeeper, {"_count": lambda *_: None}, {FORBIDDEN}),
    "12 no lockout": (opening, {"is_locked_out": lambda *_: False}, {FORBIDDEN}),
    "12 everything counts": (doorkeeper, {"DOUBTS": frozenset(get_args(Reason))}, {MISSING}),
    "13 no cooldown": (opening, {"is_cooling_down": lambda *_: False}, {FORBIDDEN}),
    "14 any factor": (Doorkeeper, {"_why_no_factor": lambda *_: None}, {FORBIDDEN}),
    "15 again and again": (opening, {"decision_id": lambda lock, subject: f"{lock}{subject.captured_ns}"}, {FORBIDDEN}),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_doorkeeper_that_breaks_one_rule_is_found_out(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    place, changes, kinds = BROKEN[rule]
    for name, value in changes.items():
        monkeypatch.setattr(place, name, value)
    for seed in range(60):
        outcome = run_policy_sequences(25, seed)
        found = {name for name, openings in ((FORBIDDEN, outcome.forbidden), (MISSING, outcome.missing)) if openings}
        if found & kinds:
            return
    pytest.fail("nobody noticed")
