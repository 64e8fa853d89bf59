"""The clock that is never set, and what compares times across a restart of a process or of the machine.

The wall clock jumps: a machine without a battery clock starts in the past and is set once there is a network. Durations
are measured by the steady clock. It starts with the machine, counts while the machine sleeps, and is shared by all
processes: a time by it can be stored together with the boot id, and compared by another process of the same boot.
"""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
AHEAD_S = 5.0
"""A wall time further in the future than this was taken before the clock was set back."""


def steady_s() -> float:
    """Return the seconds since the machine started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@cache
def boot_id() -> str:
    """Return the name of this run of the machine; empty where the kernel does not tell."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Now:
    """A moment by both clocks, in seconds, and the run of the machine."""

    wall_s: float
    steady_s: float
    boot: str = ""


def now() -> Now:
    """Return the moment."""
    return Now(time.time(), steady_s(), boot_id())


def same_boot(boot: str, moment: Now) -> bool:
    """Say whether steady times of two moments can be compared."""
    return bool(boot) and boot == moment.boot
