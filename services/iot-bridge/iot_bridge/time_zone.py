"""Read the time zone in the setting TZ, and report a wrong one."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

FILES = "zoneinfo/"
SHOWN = re.compile(r"[A-Za-z0-9_+/:., -]{1,40}")
"""Any other text is not shown: it may be a secret in the wrong place."""
EXAMPLE = "for example TZ=Europe/Berlin"


@dataclass(frozen=True, slots=True)
class TimeZone:
    """The zone of the rules' times.

    Args:
        zone: None is this host's own.
        problem: says that TZ is wrong; empty where it is right. No rule with times applies then.
    """

    zone: ZoneInfo | None = None
    problem: str = ""


@cache
def read_zone(text: str) -> TimeZone:
    """Parse a time zone; quotes, blanks, case and a leading colon do not matter.

    Args:
        text: as in the setting; empty is this host's own zone.
    """
    name = text.strip().strip("\"'").strip().removeprefix(":")
    name = name.rpartition(FILES)[2].replace(" ", "_")
    if not name:
        return TimeZone()
    zone = _zone(name) or _zone(_by_case().get(name.casefold(), ""))
    return TimeZone(zone, "" if zone else _problem(text, name))


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    # A folder, a path out of the database, or a file that is none of it.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def _by_case() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def _problem(text: str, name: str) -> str:
    shown = f" {text!r}" if SHOWN.fullmatch(text) else ""
    near = get_close_matches(name.casefold(), _by_case(), n=1)
    meant = f"did you mean {_by_case()[near[0]]}?" if near else EXAMPLE
    return f"TZ:{shown} is no time zone; {meant}"
