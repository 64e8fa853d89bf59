"""Read `rules.yaml`: every mistake is told with its line and column, what was expected and what was found.

The format is told in docs/rules.md and in the file that is shipped, `config/rules.yaml`; for editors in
`config/rules.schema.json`.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from facewire.marked import Marked, read
from facewire.names import name_key
from iot_bridge.rules.fence import Fence
from iot_bridge.rules.model import Greeting, Light, Place, Rule, Rulebook
from iot_bridge.rules.presets import light_publications
from iot_bridge.rules.reading_actions import language, read_actions, spoken
from iot_bridge.rules.reading_devices import PRESETS, device, read_locks
from iot_bridge.rules.reading_when import read_when
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.rules.words import name, person

T = TypeVar("T")

LIGHTS_LIMIT = 128
RULES_LIMIT = 256
PEOPLE_LIMIT = 256
PARTS = ("place", "lights", "locks", "greeting", "rules")
A_TITLE = "a rule's name, one line of 1 to 64 characters"
TITLE = re.compile(r"[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,62}[^\s\x00-\x1f\x7f])?")


def load_rules(path: Path, around: Surroundings) -> Rulebook:
    """Return what a file says.

    Raises:
        MarkedError: the file holds a mistake.
        OSError: it cannot be read.
    """
    root = read(path)
    top = {} if root is None or root.is_nothing else root.fields("a mapping", (), PARTS)
    locks = read_locks(top.get("locks"), around)
    fence = Fence(around.topics.prefix, around.discovery_prefix, tuple(locks.values()))
    book = Rulebook(
        lights=_lights(top.get("lights"), fence, around),
        locks=locks,
        place=_place(top.get("place")),
        greeting=_greeting(top.get("greeting")),
    )
    return Rulebook(_rules(top.get("rules"), book, fence, around), book.lights, locks, book.place, book.greeting)


def _place(marked: Marked | None) -> Place | None:
    if marked is None or marked.is_nothing:
        return None
    parts = marked.fields("a place", ("latitude", "longitude"))
    return Place(
        parts["latitude"].number("degrees north, from -90 to 90", -90, 90),
        parts["longitude"].number("degrees east, from -180 to 180", -180, 180),
    )


def _lights(marked: Marked | None, fence: Fence, around: Surroundings) -> dict[str, Light]:
    found: dict[str, Light] = {}
    for key, value in marked.mapping("lights by their names", most=LIGHTS_LIMIT).values() if marked else ():
        title = name(key)
        where = device("light", value, value.fields("a light", (), PRESETS), around)
        topics = [each.topic for each in light_publications(where, around.topics, on=True, percent=100)]
        why_not = fence.why_no_light(where, topics)
        if why_not:
            value.refuse("a device that may be a light", why_not)
        found[title] = Light(title, where)
    return found


def _greeting(marked: Marked | None) -> Greeting:
    if marked is None or marked.is_nothing:
        return Greeting()
    parts = marked.fields("a greeting", (), ("language", "people", "languages", "at_most_every_s"))
    people = parts["people"].mapping("texts by people's names", most=PEOPLE_LIMIT) if "people" in parts else {}
    languages = (
        parts["languages"].mapping("languages by people's names", most=PEOPLE_LIMIT) if "languages" in parts else {}
    )
    plain = Greeting()
    return Greeting(
        language=language(parts["language"]) if "language" in parts else plain.language,
        people=_by_name(people.values(), spoken),
        languages=_by_name(languages.values(), language),
        at_most_every_s=parts["at_most_every_s"].number("seconds, from 0 to 86400", 0, 86_400)
        if "at_most_every_s" in parts
        else plain.at_most_every_s,
    )


def _by_name(entries: Iterable[tuple[Marked, Marked]], read: Callable[[Marked], T]) -> dict[str, T]:
    """Return entries by people's names, each person once however it is spelt."""
    found: dict[str, T] = {}
    for key, value in entries:
        name = person(key)
        if name_key(name) in map(name_key, found):
            key.refuse("each person once", "the same person again")
        found[name] = read(value)
    return found


def _rules(marked: Marked | None, book: Rulebook, fence: Fence, around: Surroundings) -> tuple[Rule, ...]:
    found: dict[str, Rule] = {}
    for each in marked.items("a list of rules", most=RULES_LIMIT) if marked else ():
        parts = each.fields("a rule", ("name", "when", "do"), ("max_age_s",))
        title = parts["name"].text(A_TITLE, TITLE)
        if title in found:
            parts["name"].refuse("rules of different names", f"{title!r} again")
        when = read_when(parts["when"], book, around)
        actions = read_actions(parts["do"], when, book, fence, around)
        age = parts["max_age_s"].number("seconds, from 1 to 86400", 1, 86_400) if "max_age_s" in parts else None
        found[title] = Rule(title, when, actions) if age is None else Rule(title, when, actions, age)
    return tuple(found.values())
