"""What must be remembered of a lock: failures, since when it is locked out, when it was last opened.

Times are those of the steady clock. What an earlier run of the machine wrote is converted by the clock on the wall;
what would lie in the future happened now.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from iot_bridge.locks.evidence import NS_PER_S, Moment
from iot_bridge.locks.model import Unlocking

FAILURES_KEPT = 128


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a lock; times in ns of the steady clock."""

    failures: tuple[int, ...] = ()
    locked_out: int | None = None
    opened: int | None = None


def is_locked_out(record: Record, unlocking: Unlocking, now: Moment) -> bool:
    """Say whether nothing may open the lock for now."""
    return record.locked_out is not None and _within(record.locked_out, unlocking.lockout_s, now)


def is_cooling_down(record: Record, unlocking: Unlocking, now: Moment) -> bool:
    """Say whether it was opened just before."""
    return record.opened is not None and _within(record.opened, unlocking.cooldown_s, now)


def failed(record: Record, unlocking: Unlocking, now: Moment) -> Record:
    """Return the record with one failure more; with as many as are allowed, the lockout begins."""
    recent = [each for each in record.failures if _within(each, unlocking.failures_within_s, now)]
    recent = [*recent, now.steady_ns][-FAILURES_KEPT:]
    if len(recent) >= min(unlocking.failures, FAILURES_KEPT):
        return replace(record, failures=(), locked_out=now.steady_ns)
    return replace(record, failures=tuple(recent))


def opened(record: Record, now: Moment) -> Record:
    """Return the record of a lock that is opened now; whoever may open it has shown that failures were none."""
    return replace(record, failures=(), opened=now.steady_ns)


def stored(record: Record, now: Moment) -> dict[str, str]:
    """Return what to write down."""
    times = {"failures": list(record.failures), "locked_out": record.locked_out, "opened": record.opened}
    return {"boot": now.boot, "ahead_ns": str(now.wall_ns - now.steady_ns), "times": json.dumps(times)}


def restored(fields: Mapping[str, str], now: Moment) -> Record:
    """Return what was written down; nothing was: a lock of which nothing is known. Garbage locks it out from now."""
    if not fields:
        return Record()
    try:
        # From the steady clock of then to that of now.
        other = now.boot == "" or fields["boot"] != now.boot
        shift_ns = int(fields["ahead_ns"]) - (now.wall_ns - now.steady_ns) if other else 0
        times = json.loads(fields["times"])
        failures = tuple(_past(each, shift_ns, now) for each in times["failures"])
        singles = {name: times[name] for name in ("locked_out", "opened")}
        marks = {name: None if each is None else _past(each, shift_ns, now) for name, each in singles.items()}
    except (ValueError, KeyError, TypeError, RecursionError):
        return Record(locked_out=now.steady_ns)
    return Record(failures[-FAILURES_KEPT:], **marks)


def _past(at_ns: object, shift_ns: int, now: Moment) -> int:
    if type(at_ns) is not int:
        raise TypeError(f"{at_ns!r:.40} is no time")
    return min(at_ns + shift_ns, now.steady_ns)


def _within(since_ns: int, seconds: float, now: Moment) -> bool:
    # Written so that a NaN is within.
    return not now.steady_ns - since_ns >= seconds * NS_PER_S
