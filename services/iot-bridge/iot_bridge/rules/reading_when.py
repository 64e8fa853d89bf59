"""Read when a rule applies, and refuse what could never be."""

import re
from collections.abc import Callable, Iterable
from datetime import time
from typing import Literal, get_args

from facewire.marked import Marked
from facewire.shapes import Layout
from iot_bridge.rules.fence import A_TOPIC, is_topic
from iot_bridge.rules.model import EventType, Illuminance, Rulebook, Weekday, When
from iot_bridge.rules.reading_devices import LEVELS, camera
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.rules.words import choice, name, one_or_many, people, person_or_special

EVENTS: tuple[EventType, ...] = get_args(EventType)
DAYS: tuple[Weekday, ...] = get_args(Weekday)
A_TIME = 'a time in quotes, as in "07:30"'
TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
SUN: tuple[Literal["up", "down"], ...] = ("up", "down")
WHEN = ("person", "camera", "zone", "line", "direction", "dwelt_s", "between", "days", "sun", "illuminance")
BELONGS: dict[str, EventType] = {"line": "crossed", "direction": "crossed", "dwelt_s": "left_zone"}
"""What only one type of event has."""


def read_when(marked: Marked, book: Rulebook, around: Surroundings) -> When:
    """Return what must be true of an event.

    Args:
        marked: what is written.
        book: what the file says beside its rules.
        around: the home.
    """
    parts = marked.fields("a condition", ("event",), WHEN)
    events = one_or_many(parts["event"], "types of event", lambda each: choice(each, EVENTS), most=len(EVENTS))
    for key, event in BELONGS.items():
        if key in parts and events != (event,):
            parts[key].refuse(f"{key} only where the event is {event} alone", ", ".join(events))

    def many(key: str, expected: str, each: Callable[[Marked], str] = name) -> tuple[str, ...]:
        return one_or_many(parts[key], expected, each) if key in parts else ()

    when = When(
        events=events,
        people=people(parts["person"], person_or_special, "people's names, anyone or nobody")
        if "person" in parts
        else (),
        cameras=many("camera", "cameras", lambda each: camera(each, around)),
        zones=many("zone", "zones"),
        lines=many("line", "lines"),
        directions=many("direction", "directions"),
        dwelt_s=parts["dwelt_s"].number("seconds, from 0 to 86400", 0, 86_400) if "dwelt_s" in parts else 0.0,
        between=_between(parts["between"]) if "between" in parts else None,
        days=one_or_many(parts["days"], "days", lambda each: choice(each, DAYS)) if "days" in parts else (),
        sun=choice(parts["sun"], SUN) if "sun" in parts else None,
        illuminance=_illuminance(parts["illuminance"]) if "illuminance" in parts else None,
    )
    _require_marked(parts, when, around)
    if when.sun and book.place is None:
        parts["sun"].refuse("a `place` in this file, for sunrise and sunset", "none")
    if "unknown" in events and when.people not in ((), ("nobody",)):
        parts["person"].refuse("nobody, since who is unknown has no name", ", ".join(when.people))
    return when


def _require_marked(parts: dict[str, Marked], when: When, around: Surroundings) -> None:
    """Refuse zones, lines and directions that no camera which the rule is about has."""
    layouts = [layout for camera, layout in around.layouts.items() if not when.cameras or camera in when.cameras]
    of = f"of {', '.join(when.cameras)} in cameras.yaml" if when.cameras else "of cameras.yaml"
    _require_among(parts, "zone", when.zones, _names(layouts, lambda each: (zone.name for zone in each.zones)), of)
    lines = [line for layout in layouts for line in layout.lines]
    _require_among(parts, "line", when.lines, {line.name for line in lines}, of)
    crossed = [line for line in lines if not when.lines or line.name in when.lines]
    words = {word for line in crossed for word in (line.to_left, line.to_right)}
    _require_among(parts, "direction", when.directions, words, of)


def _names(layouts: Iterable[Layout], names: Callable[[Layout], Iterable[str]]) -> set[str]:
    return {name for layout in layouts for name in names(layout)}


def _require_among(parts: dict[str, Marked], key: str, found: tuple[str, ...], there: set[str], of: str) -> None:
    strange = [each for each in found if each not in there]
    if strange:
        marked = parts[key]
        where = marked if not marked.is_list else marked.items(key, most=len(found))[found.index(strange[0])]
        where.refuse(f"a {key} {of} ({', '.join(sorted(there)) or 'there is none'})")


def _between(marked: Marked) -> tuple[time, time]:
    first, second = (_time(each) for each in marked.items('two times, as in ["18:00", "07:00"]', least=2, most=2))
    if first == second:
        marked.refuse("two different times; for the whole day leave `between` out", "the same one twice")
    return first, second


def _time(marked: Marked) -> time:
    return time.fromisoformat(marked.text(A_TIME, TIME))


def _illuminance(marked: Marked) -> Illuminance:
    parts = marked.fields("a sensor of illuminance", ("topic", "below_lux"), ("field", "when_unknown"))
    topic = parts["topic"].text(A_TOPIC, LEVELS)
    if not is_topic(topic):
        parts["topic"].refuse(A_TOPIC)
    return Illuminance(
        topic=topic,
        field=parts["field"].text("a key of the sensor's JSON", re.compile(r".{1,64}")) if "field" in parts else "",
        below_lux=parts["below_lux"].number("lux, from 0 to 200000", 0, 200_000),
        when_unknown=parts["when_unknown"].flag("yes or no") if "when_unknown" in parts else True,
    )
