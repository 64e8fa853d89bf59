"""Say which rules apply to an event, at a local time, with the sun and the light there are: pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from facewire.messages import FaceEvent
from facewire.names import name_key
from iot_bridge.rules.model import Illuminance, Rule, Rulebook, Weekday, When
from iot_bridge.rules.words import SPECIAL

WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Moment:
    """What else is true when something happens.

    `local` is what clocks on the wall show; compared as such, so that a window holds on the days on which they change.
    It is None where the time zone is not known: no rule with times applies then. `sun_up` is None, and a sensor is not
    in `lux`, where it is not known.
    """

    local: datetime | None
    sun_up: bool | None = None
    lux: Mapping[Illuminance, float] = field(default_factory=dict)


def matching(book: Rulebook, event: FaceEvent, moment: Moment) -> Iterator[Rule]:
    """Yield the rules that apply, in the order of the file."""
    return (rule for rule in book.rules if applies(rule.when, event, moment))


def applies(when: When, event: FaceEvent, moment: Moment) -> bool:
    """Say whether all that a rule asks for is true."""
    return (
        event.type in when.events
        and _is_one_of(event.camera, when.cameras)
        and _is_one_of(event.line, when.lines)
        and _is_one_of(event.direction, when.directions)
        and (event.dwell_s or 0.0) >= when.dwelt_s
        and _in_zone(when, event)
        and _by_whom(when, event)
        and in_time(when, moment.local)
        and (when.sun is None or moment.sun_up is (when.sun == "up"))
        and _dark_enough(when.illuminance, moment)
    )


def has_times(when: When) -> bool:
    """Say whether a rule asks for local time."""
    return when.between is not None or bool(when.days)


def in_time(when: When, local: datetime | None) -> bool:
    """Tell whether a local time is in the rule's window; an unknown one is not."""
    if local is None:
        return not has_times(when)
    day, now = local.date(), local.time()
    if when.between is not None:
        start, end = when.between
        if not _within(now, start, end):
            return False
        if end < start and now < end:
            day -= timedelta(days=1)
    return not when.days or WEEK[day.weekday()] in when.days


def _within(now: time, start: time, end: time) -> bool:
    return start <= now < end if start < end else now >= start or now < end


def _is_one_of(found: str | None, wanted: tuple[str, ...]) -> bool:
    return not wanted or found in wanted


def _in_zone(when: When, event: FaceEvent) -> bool:
    zones = event.zones if event.zone is None else (event.zone,)
    return not when.zones or not set(when.zones).isdisjoint(zones)


def _by_whom(when: When, event: FaceEvent) -> bool:
    if not when.people:
        return True
    if event.identity is None:
        return "nobody" in when.people
    return "anyone" in when.people or names_person(when, event.identity.name)


def names_person(when: When, name: str) -> bool:
    """Tell whether a rule names a person; `anyone` and `nobody` are no names."""
    key = name_key(name)
    return any(key == name_key(each) for each in when.people if each not in SPECIAL)


def _dark_enough(sensor: Illuminance | None, moment: Moment) -> bool:
    if sensor is None:
        return True
    lux = moment.lux.get(sensor)
    return sensor.when_unknown if lux is None else lux < sensor.below_lux
