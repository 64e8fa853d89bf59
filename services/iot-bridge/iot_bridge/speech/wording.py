"""Say which words greet whom: pure functions.

A name is whatever somebody typed in. It is spoken, and never obeyed: what a synthesizer would take for markup
(`<...>`), for phonemes (espeak-ng and piper: `[[...]]`) or for a command (espeak-ng: control characters) does not
come through.
"""

# ruff: noqa: RUF001  Chinese has commas of its own
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from facewire.messages import FaceEvent
from facewire.names import name_key
from iot_bridge.rules.filling import filled
from iot_bridge.rules.model import Greeting, Speak

Language = Literal["en", "zh"]
Text = TypeVar("Text", bound=str)

NAMED: Mapping[Language, str] = {"en": "Hello, {person}.", "zh": "你好，{person}。"}
NAMELESS: Mapping[Language, str] = {"en": "Hello.", "zh": "你好。"}
# Each from its hour on.
TIMES_OF_DAY: Mapping[Language, tuple[tuple[int, str], ...]] = {
    "en": ((5, "Good morning"), (12, "Good afternoon"), (18, "Good evening")),
    "zh": ((5, "早上好"), (12, "下午好"), (18, "晚上好")),
}
TIMELESS: Mapping[Language, str] = {"en": "Hello", "zh": "你好"}
NAME_LIMIT = 48
TEXT_LIMIT = 300
IN_NAMES = " -.'\u2019\u00b7\u30fb"
BETWEEN = " ,，、"
MARKUP = "[]<>{}|\\`"
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
HAN_RUN = re.compile(rf"([{HAN}](?:[{HAN}\s\u00b7,，、]*[{HAN}])?)")
# What is left of "Welcome, {person}." where nobody is known.
DANGLING = re.compile(r"\s*[,，、]\s*(?=[.!?。！？]|$)")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said because of an event; `person` is "" where nobody is known."""

    text: str
    language: Language
    person: str
    event: FaceEvent


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that one voice can speak."""

    text: str
    language: Language


def utterance(speak: Speak, greeting: Greeting, event: FaceEvent, local: datetime | None) -> Utterance:
    """Return what a rule's action says.

    Args:
        speak: the action.
        greeting: how people are greeted.
        event: what happened.
        local: what clocks on the wall showed; None where the time zone is not known.
    """
    person = event.identity.name if event.identity is not None else ""
    language = speak.language or of_person(greeting.languages, person) or greeting.language
    name = spoken_name(person)
    template = speak.text or of_person(greeting.people, person) or (NAMED if name else NAMELESS)[language]
    words = time_of_day(local.hour, language) if local else TIMELESS[language]
    fields = {"person": name, "camera": event.camera, "greeting": words}
    return Utterance(spoken_text(filled(template, fields)), language, person, event)


def of_person(by_name: Mapping[str, Text], person: str) -> Text | None:
    """Return the entry of a person in any spelling, or None."""
    if person in by_name:
        return by_name[person]
    key = name_key(person)
    return next((entry for name, entry in by_name.items() if name_key(name) == key), None)


def spoken_name(name: str) -> str:
    """Return a name as it may be spoken: its letters, digits, and what stands between them; "" if it has none."""
    # Compatibility forms first: a `<` of full width would become a plain one.
    name = unicodedata.normalize("NFKC", name)
    kept = "".join(_in_name(character) for character in name)
    return " ".join(kept.split())[:NAME_LIMIT].strip(IN_NAMES)


def spoken_text(text: str) -> str:
    """Return a text as it may be given to a synthesizer: one line, without control characters and markup."""
    kept = "".join(_in_text(character) for character in text)
    one_line = DANGLING.sub("", " ".join(kept.split()))
    return one_line[:TEXT_LIMIT].strip()


def time_of_day(hour: int, language: Language) -> str:
    """Return the greeting of an hour, 0..23."""
    times = TIMES_OF_DAY[language]
    return next((words for start, words in reversed(times) if hour >= start), times[-1][1])


def pieces(text: str, language: Language) -> list[Piece]:
    """Return a text in parts of one language each: an English voice calls each Chinese character "Chinese letter"."""
    if language == "zh":
        return [Piece(text, language)]
    found: list[Piece] = []
    for index, part in enumerate(HAN_RUN.split(text)):
        if any(character.isalnum() for character in part):
            found.append(Piece(part.strip(BETWEEN), "zh" if index % 2 else "en"))
    return found


def _in_name(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    return character if unicodedata.category(character)[0] in "LMN" or character in IN_NAMES else " "


def _in_text(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return " " if category[0] == "C" or character in MARKUP else character
