"""Steady time, and times that outlive a process or a boot.

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
"""Tolerance for wall times in the future; beyond it the clock was set back since."""


def steady_s() -> float:
    """Return the seconds since the machine started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@cache
def boot_id() -> str:
    """Return the boot id of the machine; empty if the kernel has none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Now:
    """A moment by both clocks, in seconds, and the boot id."""

    wall_s: float
    steady_s: float
    boot: str = ""


def now() -> Now:
    """Return the moment."""
    return Now(time.time(), steady_s(), boot_id())


def same_boot(boot: str, moment: Now) -> bool:
    """Say whether steady times of two moments can be compared."""
    return bool(boot) and boot == moment.boot
