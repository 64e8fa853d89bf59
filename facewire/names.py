"""Normalise the names of people, for display and for comparison.

Two spellings are one person if they differ in composition, case, width, blanks or invisible characters alone. Letters
that only look alike (a Latin and a Cyrillic `a`) stay different: a name may open a lock.
"""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from threading import Lock
from typing import TypeVar

from facewire.messages import FaceEvent, Identity, Message, Person, Track, Tracks

M = TypeVar("M", bound=Message)

NAME_LIMIT = 128
# Default_Ignorable_Code_Point of Unicode 16, https://www.unicode.org/Public/16.0.0/ucd/DerivedCoreProperties.txt
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
SHAPING = "\u200c\u200d\ufe0e\ufe0f"
"""Joiners and variation selectors. They shape emoji and other scripts than Latin, and are shown there."""
DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
SPELLINGS_KEPT = 4096
NEAREST_FROM = 0.6
"""The least similarity of a suggested name, 0 to 1."""


class InvalidNameError(ValueError):
    """An invalid name; `reason` is a metric's label."""

    def __init__(self, reason: str, complaint: str) -> None:
        super().__init__(complaint)
        self.reason = reason


@lru_cache(maxsize=SPELLINGS_KEPT)
def display_name(text: str) -> str:
    """Return the display form of a name: composed, single blanks, nothing invisible.

    Raises:
        InvalidNameError: it is empty, too long, or holds control characters or changes of direction.
    """
    trimmed = text.strip()
    if any(unicodedata.category(character) == "Cc" for character in trimmed):
        raise InvalidNameError("control_in_name", "a name holds a control character")
    if DIRECTION.search(trimmed):
        raise InvalidNameError("direction_in_name", "a name holds a change of the writing direction")
    shown = " ".join(unicodedata.normalize("NFC", _visible(trimmed)).split())
    if not name_key(shown):
        raise InvalidNameError("empty_name", "a name is empty")
    if len(shown) > NAME_LIMIT:
        raise InvalidNameError("long_name", f"a name is longer than {NAME_LIMIT} characters")
    return shown


def is_valid_name(text: str) -> bool:
    """Tell whether a name has a display form."""
    try:
        return bool(display_name(text))
    except InvalidNameError:
        return False


@lru_cache(maxsize=SPELLINGS_KEPT)
def name_key(text: str) -> str:
    """Return the comparison key of a name: Unicode's NFKC_Casefold with single blanks."""
    folded = unicodedata.normalize("NFD", IGNORABLE.sub("", text)).casefold()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
    return " ".join(IGNORABLE.sub("", folded).split())


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the known name with the most similar spelling; "" if none."""
    by_key = {name_key(each): each for each in known}
    found = get_close_matches(name_key(name), by_key, n=1, cutoff=NEAREST_FROM)
    # An accent is a letter's half, and more like its absence than the letters' number says.
    plain = {_plain(key): each for key, each in by_key.items()}
    return plain.get(_plain(name_key(name)), by_key[found[0]] if found else "")


class Spellings:
    """The first spelling of each name, thread-safe; the least used are dropped."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def first(self, name: str) -> str:
        """Return the first spelling of a name."""
        key = name_key(name)
        with self._lock:
            shown = self._shown.setdefault(key, name)
            self._shown.move_to_end(key)
            if len(self._shown) > SPELLINGS_KEPT:
                self._shown.popitem(last=False)
        return shown


def normalised(message: M) -> tuple[M, list[InvalidNameError]]:
    """Return a message with display names, and the invalid names of tracks.

    Raises:
        InvalidNameError: the message is about a name that is invalid.
    """
    invalid: list[InvalidNameError] = []
    if isinstance(message, Identity) and message.name is not None:
        shown = display_name(message.name)
        return (message if shown == message.name else replace(message, name=shown)), invalid
    if isinstance(message, FaceEvent) and message.identity is not None:
        person = _normalised(message.identity)
        return (message if person is message.identity else replace(message, identity=person)), invalid
    if isinstance(message, Tracks) and any(track.identity for track in message.tracks):
        tracks = tuple(_named(track, invalid) for track in message.tracks)
        same = all(now is before for now, before in zip(tracks, message.tracks, strict=True))
        return (message if same else replace(message, tracks=tracks)), invalid
    return message, invalid


def _named(track: Track, invalid: list[InvalidNameError]) -> Track:
    if track.identity is None:
        return track
    try:
        person = _normalised(track.identity)
    except InvalidNameError as error:
        invalid.append(error)
        return track
    return track if person is track.identity else replace(track, identity=person)


def _normalised(person: Person) -> Person:
    shown = display_name(person.name)
    return person if shown == person.name else replace(person, name=shown)


def _visible(text: str) -> str:
    shown: list[str] = []
    for index, character in enumerate(text):
        if character in SHAPING:
            after = text[index + 1 : index + 2]
            # Between ASCII letters they only hide.
            if shown and not shown[-1].isascii() and (character > "\ufe00" or not after.isascii()):
                shown.append(character)
        elif not IGNORABLE.match(character):
            shown.append(character)
    return "".join(shown)


def _plain(key: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", key) if not unicodedata.combining(each))
