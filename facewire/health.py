"""Say whether a service's loop is alive: `python -m facewire.health SERVICE` is a container's health check.

A service's heartbeat (`facewire.heartbeat`) writes a small JSON file each second from inside its loop.
This file reads it, and imports nothing heavy, since a Pi runs it every few seconds for every service.
"""

import json
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from facewire import clock

RUN_DIR = Path("/run/facewire")
STALE_S = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """What a service last said of itself; `waiting_for` names what keeps it from being healthy.

    `steady_s` and `boot` say when by the clock that is never set; None where a release before did not say it.
    """

    service: str
    instance: str
    at_s: float
    healthy: bool
    waiting_for: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    steady_s: float | None = None
    boot: str = ""

    def age_s(self, now: clock.Now) -> float:
        """Return its age; infinite for a heartbeat of an earlier boot."""
        if self.steady_s is None or not now.boot or not self.boot:
            return max(0.0, now.wall_s - self.at_s)
        age_s = now.steady_s - self.steady_s
        return age_s if clock.same_boot(self.boot, now) and age_s >= 0 else math.inf


def write(health: Health, run_dir: Path) -> None:
    """Replace the service's health file in one step, so that no reader sees half of it."""
    path = run_dir / f"{health.service}.json"
    half_done = path.with_suffix(".tmp")
    half_done.write_text(json.dumps(asdict(health)), encoding="utf-8")
    half_done.replace(path)


def verdict(service: str, run_dir: Path, now_s: float) -> tuple[bool, str]:
    """Return whether the service is healthy, and one line that says why or why not."""
    try:
        health = Health(**json.loads((run_dir / f"{service}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        return False, f"{service}: no heartbeat yet ({type(error).__name__})"
    now = clock.now()
    age_s = health.age_s(clock.Now(now_s, now.steady_s, now.boot))
    if age_s > STALE_S:
        since = f"for {age_s:.0f} s" if math.isfinite(age_s) else "since before the machine started"
        return False, f"{service}: its loop has been stuck {since}"
    if not health.healthy:
        return False, f"{service}: waiting for {health.waiting_for}"
    return True, f"{service}: healthy"


def main(arguments: list[str]) -> int:
    """Print the verdict on `SERVICE [RUN_DIR]` and return the exit code a health check wants."""
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m facewire.health SERVICE [RUN_DIR]", file=sys.stderr)  # noqa: T201
        return 2
    run_dir = Path(arguments[1]) if len(arguments) == 2 else RUN_DIR
    healthy, line = verdict(arguments[0], run_dir, time.time())
    print(line)  # noqa: T201
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
