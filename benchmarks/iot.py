"""Measure what the home waits for, and kill the bridge and its broker while it does."""

import argparse
import json
from typing import Any

from benchmarks.acting.chaos import chaos
from benchmarks.acting.speed import latency, throughput
from benchmarks.acting.stack import capture_to_command
from benchmarks.rows.report import Target, verdicts
from tests.unlocking.sequences import run_policy_sequences

TARGETS: dict[str, tuple[str, float]] = {
    "event_to_puback_ms p95": ("<=", 15.0),
    "capture_to_command_ms p95": ("<=", 100.0),
    "events_per_s": (">=", 500.0),
    "memory_growth_mb": ("<=", 2.0),
    "lost": ("<=", 0),
    "duplicated": ("<=", 0),
    "late_unlocks": ("<=", 0),
    "forbidden_unlocks": ("<=", 0),
}


def policy(sequences: int, seed: int) -> dict[str, int]:
    """Hold the doorkeeper against another reading of the written policy."""
    outcome = run_policy_sequences(sequences, seed)
    return {
        "sequences": outcome.sequences,
        "unlocks": outcome.unlocks,
        "forbidden_unlocks": len(outcome.forbidden),
        "missing_unlocks": len(outcome.missing),
    }


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure one thing after the other."""
    return {
        "event_to_puback_ms": latency(asked.events, per_s=50),
        "capture_to_command_ms": capture_to_command(asked.seconds),
        **throughput(5 * asked.events),
        "chaos": chaos(asked.kills, asked.events, asked.seed),
        "policy": policy(asked.sequences, asked.seed),
    }


def targets(figures: dict[str, Any]) -> list[Target]:
    """Hold the figures against what they are meant to reach."""
    flat = figures | figures["chaos"] | figures["policy"]
    flat |= {f"{name} p95": figures[name]["p95"] for name in ("event_to_puback_ms", "capture_to_command_ms")}
    return [Target(name, float(flat[name]), sign, target) for name, (sign, target) in TARGETS.items()]


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help="events that are timed, and told during the kills")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long the whole stack runs")
    parser.add_argument("--kills", type=int, default=100, help="of the bridge and of the broker")
    parser.add_argument("--sequences", type=int, default=10_000, help="of what may happen before a lock")
    parser.add_argument("--seed", type=int, default=1, help="of chance")
    figures = measured(parser.parse_args())
    print(f"{verdicts(targets(figures))}\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
