"""Ask the rules that hold now: which locks a person may open, and which an event locks."""

from collections.abc import Callable, Collection, Sequence

from facewire.messages import FaceEvent, Person
from iot_bridge.locks.model import Lock
from iot_bridge.rules.matching import matching, names_person
from iot_bridge.rules.model import LockDoor, Rulebook, UnlockDoor
from iot_bridge.rules.senses import Senses


def may_open(book: Callable[[], Rulebook], senses: Senses) -> Callable[[str, str, Sequence[str], int], Collection[str]]:
    """Return what says which locks open for a person before a camera, in zones, at a time in ns."""

    def ask(camera: str, person: str, zones: Sequence[str], at_ns: int) -> Collection[str]:
        rules = book()
        # As the event would be, were it told now.
        event = FaceEvent("-", "identified", camera, 1, Person(person, 1.0), at_ns, at_ns, zones=tuple(zones))
        return {
            action.lock
            for rule in matching(rules, event, senses.moment(event, rules))
            # Nobody is let in by `anyone`.
            if names_person(rule.when, person)
            for action in rule.actions
            if isinstance(action, UnlockDoor)
        }

    return ask


def to_lock(book: Callable[[], Rulebook], senses: Senses) -> Callable[[FaceEvent], Sequence[Lock]]:
    """Return what says which locks an event locks."""

    def ask(event: FaceEvent) -> Sequence[Lock]:
        rules = book()
        names = [
            action.lock
            for rule in matching(rules, event, senses.moment(event, rules))
            for action in rule.actions
            if isinstance(action, LockDoor)
        ]
        return [rules.locks[name] for name in dict.fromkeys(names) if name in rules.locks]

    return ask
