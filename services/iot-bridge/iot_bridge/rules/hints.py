"""Report a wrong time zone and unknown names in otherwise valid rules."""

from collections.abc import Iterable, Iterator

from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.names import name_key, nearest_name
from iot_bridge.rules.matching import has_times
from iot_bridge.rules.model import Rulebook
from iot_bridge.rules.words import SPECIAL

ZONE_NOTE, NAMES_NOTE = "time zone", "names"
MOST_SHOWN = 5


class RuleHints:
    """The notes on rules, each logged once.

    Args:
        heartbeat: shows the notes.
        log: told once of each.
        zone_problem: says that TZ is wrong; empty where it is right.
    """

    def __init__(self, heartbeat: Heartbeat, log: Log, zone_problem: str) -> None:
        self._heartbeat = heartbeat
        self._log = log
        self._zone_problem = zone_problem
        self._said: dict[str, str] = {}

    def update(self, book: Rulebook, known: Iterable[str]) -> None:
        """Update the notes.

        Args:
            book: the rules.
            known: the names of all people who were seen.
        """
        self._note(ZONE_NOTE, zone_hint(book, self._zone_problem))
        self._note(NAMES_NOTE, "; ".join(unseen_names(book, tuple(known))))

    def _note(self, name: str, text: str) -> None:
        if self._said.get(name, "") == text:
            return
        self._said[name] = text
        self._heartbeat.note(name, text)
        if text:
            self._log.warning(text)


def zone_hint(book: Rulebook, problem: str) -> str:
    """Return the problem with TZ and the rules it disables; empty if none."""
    if not problem:
        return ""
    off = [rule.name for rule in book.rules if has_times(rule.when)]
    more = f" and {len(off) - MOST_SHOWN} more" if len(off) > MOST_SHOWN else ""
    return f"{problem}; off until then: {', '.join(off[:MOST_SHOWN])}{more}" if off else problem


def unseen_names(book: Rulebook, known: tuple[str, ...]) -> Iterator[str]:
    """Yield a line for each unknown name in the rules, once somebody is known."""
    if not known:
        return
    keys = {name_key(each) for each in known}
    unseen = [name for name in _names(book) if name_key(name) not in keys]
    for name in unseen[:MOST_SHOWN]:
        near = nearest_name(name, known)
        yield f"rules name {name!r}, never seen" + (f"; nearest known: {near!r}" if near else "")
    if len(unseen) > MOST_SHOWN:
        yield f"and {len(unseen) - MOST_SHOWN} more"


def _names(book: Rulebook) -> list[str]:
    named = [name for rule in book.rules for name in rule.when.people if name not in SPECIAL]
    named += [name for lock in book.locks.values() if lock.unlocking for name in lock.unlocking.people]
    named += [*book.greeting.people, *book.greeting.languages]
    # Each person once, as they were written first.
    first: dict[str, str] = {}
    for name in named:
        first.setdefault(name_key(name), name)
    return list(first.values())
