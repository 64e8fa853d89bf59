"""Read the small things of `rules.yaml`: choices, whole numbers, names, and one where there may be many."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from facewire.marked import Marked
from facewire.messages import PLACE_NAME
from facewire.names import InvalidNameError, display_name, name_key

T = TypeVar("T")
Word = TypeVar("Word", bound=str)

A_NAME = "a name of a-z, 0-9, _ and - up to 32 long"
A_PERSON = "a person's name, 1 to 128 characters"
SPECIAL = ("anyone", "nobody")
"""What stands for people in a condition, and so is nobody's name."""
FEW = 32


def choice(marked: Marked, options: Sequence[Word]) -> Word:
    """Return one of a few words."""
    expected = f"one of {', '.join(options)}" if len(options) > 1 else options[0]
    text = marked.text(expected)
    if text not in options:
        marked.refuse(expected)
    return options[options.index(text)]


def whole(marked: Marked, expected: str, low: int, high: int) -> int:
    """Return a whole number within low..high."""
    number = marked.number(expected, low, high)
    if number != int(number):
        marked.refuse(expected)
    return int(number)


def name(marked: Marked) -> str:
    """Return a short lower-case name."""
    return marked.text(A_NAME, PLACE_NAME)


def person(marked: Marked) -> str:
    """Return the name of one person, as it is shown."""
    found = person_or_special(marked)
    if found in SPECIAL:
        marked.refuse(f"the name of one person, since `{found}` is nobody's")
    return found


def person_or_special(marked: Marked) -> str:
    """Return the display name of a person, or `anyone` or `nobody`."""
    try:
        shown = display_name(marked.text(A_PERSON))
    except InvalidNameError as error:
        marked.refuse(A_PERSON, "" if error.reason == "empty_name" else str(error))
    return name_key(shown) if name_key(shown) in SPECIAL else shown


def people(marked: Marked, read: Callable[[Marked], str], expected: str = "people's names") -> tuple[str, ...]:
    """Return the names of people, each person once however it is spelt."""
    return one_or_many(marked, expected, read, same=name_key)


def one_or_many(
    marked: Marked,
    expected: str,
    read: Callable[[Marked], T],
    most: int = FEW,
    same: Callable[[T], object] = lambda each: each,
) -> tuple[T, ...]:
    """Return what is written alone, or each entry of a list that has at least one and none twice.

    Args:
        marked: what is written.
        expected: for a complaint.
        read: reads an entry.
        most: the most entries.
        same: returns what two entries must not share.
    """
    if not marked.is_list:
        return (read(marked),)
    found: list[T] = []
    for each in marked.items(expected, least=1, most=most):
        value = read(each)
        if same(value) in map(same, found):
            each.refuse(f"{expected}, each once", f"{value!r} again")
        found.append(value)
    return tuple(found)


def known(marked: Marked, what: str, names: Sequence[str]) -> str:
    """Return a name that must be one of those there are."""
    found = marked.text(f"a {what}'s name")
    if found not in names:
        marked.refuse(f"a {what} of this file ({', '.join(names)})" if names else f"a {what}, and there is none yet")
    return found
