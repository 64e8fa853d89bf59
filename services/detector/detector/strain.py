"""See how this host fares: its temperature, and what others ask of its processors."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SAMPLE_EVERY_S = 5.0
# Of the zones in /sys/class/thermal (Linux, Documentation/driver-api/thermal/sysfs-api.rst), those of processors: a Pi
# has `cpu-thermal`, PCs `x86_pkg_temp`; a disk or a radio may be hotter.
PROCESSORS = re.compile(r"cpu|soc|pkg|core", re.IGNORECASE)
LIKELY_C = range(-40, 151)
MILLI = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """How the host fares.

    Args:
        hottest_c: the hottest processor zone; None where there is none.
        others_percent: what other processes use of all processors, low-priority ones left out; None at first.
    """

    hottest_c: float | None
    others_percent: float | None


@dataclass(slots=True)
class _Spent:
    """CPU seconds since the host's start: of all processors, idle ones too; of those who work; of this process."""

    total_s: float
    busy_s: float
    own_s: float


def _spent() -> _Spent:
    """Return what was spent until now.

    Low-priority work, as the detector's own preparation, gives way by itself; what waits for a disk needs no processor.
    """
    host, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle_s = host.idle + getattr(host, "iowait", 0.0) + getattr(host, "nice", 0.0)
    # `user` contains `guest`, and so `nice` contains `guest_nice`.
    total_s = sum(host) - getattr(host, "guest", 0.0) - getattr(host, "guest_nice", 0.0)
    return _Spent(total_s, total_s - idle_s, own.user + own.system)


@dataclass(slots=True)
class Host:
    """Looks at the host now and then.

    Args:
        thermal_dir: where the kernel shows its thermal zones.
        clock: seconds that only go forward.
    """

    thermal_dir: Path
    clock: Callable[[], float]
    _sampled_s: float = float("-inf")
    _before: _Spent = field(default_factory=_spent)

    def sample(self) -> Sample | None:
        """Return how the host fares; None while the last look was shortly before."""
        now_s = self.clock()
        if now_s - self._sampled_s < SAMPLE_EVERY_S:
            return None
        first = self._sampled_s == float("-inf")
        before, self._before, self._sampled_s = self._before, _spent(), now_s
        return Sample(hottest(self.thermal_dir), None if first else _others_percent(before, self._before))


def hottest(thermal_dir: Path) -> float | None:
    """Return the temperature of the hottest processor zone, °C; None where there is none that can be read."""
    readings = [_read_c(zone) for zone in sorted(thermal_dir.glob("thermal_zone*"))]
    return max((reading for reading in readings if reading is not None), default=None)


def _read_c(zone: Path) -> float | None:
    try:
        if not PROCESSORS.search((zone / "type").read_text(encoding="ascii")):
            return None
        celsius = int((zone / "temp").read_text(encoding="ascii")) / MILLI
    # A zone that is switched off answers with an error.
    except (OSError, ValueError):
        return None
    return celsius if int(celsius) in LIKELY_C else None


def _others_percent(before: _Spent, now: _Spent) -> float | None:
    total_s = now.total_s - before.total_s
    if total_s <= 0:
        return None
    others_s = (now.busy_s - before.busy_s) - (now.own_s - before.own_s)
    return min(100.0, max(0.0, 100 * others_s / total_s))
