"""Say in plain words what rules mean, one line each: what `python -m iot_bridge check` prints."""

from collections.abc import Iterator, Sequence

from facewire.address import shown_server
from iot_bridge.locks.model import Lock
from iot_bridge.rules.model import (
    Action,
    CallWebhook,
    LockDoor,
    Publish,
    Rule,
    Rulebook,
    SetLight,
    Speak,
    UnlockDoor,
    When,
)

DEFAULT_AGE_S = Rule("", When(()), ()).max_age_s


def told(book: Rulebook) -> Iterator[str]:
    """Yield a line for each light, lock and rule."""
    for light in book.lights.values():
        yield f"light {light.name}: {light.device.preset} {light.device.address}"
    for lock in book.locks.values():
        yield f"lock {lock.name}: {lock.preset} {lock.address}; {_opens(lock)}"
    for rule in book.rules:
        yield told_rule(rule)


def told_rule(rule: Rule) -> str:
    """Say what a rule means."""
    age = "" if rule.max_age_s == DEFAULT_AGE_S else f", no more than {rule.max_age_s:g} s ago"
    return f"{rule.name}: when {_when(rule.when)}{age}: {'; '.join(_action(action) for action in rule.actions)}"


def _opens(lock: Lock) -> str:
    unlocking = lock.unlocking
    if unlocking is None:
        return "never opens"
    few, many = unlocking.evidence.of_looks
    factor = {"none": "", "pin": ", with the PIN", "confirm": ", once somebody confirms"}[unlocking.second_factor]
    people, cameras = _any(unlocking.people), _any(unlocking.cameras)
    return f"may open for {people} seen by {cameras} on {few} of {many} looks{factor}"


def _when(when: When) -> str:
    parts = [_any(when.events)]
    named = (
        (when.people, "of"),
        (when.cameras, "at"),
        (when.zones, "in"),
        (when.lines, "over"),
        (when.directions, "to"),
    )
    parts += [f"{word} {_any(names)}" for names, word in named if names]
    if when.dwelt_s:
        parts.append(f"after {when.dwelt_s:g} s there")
    if when.between is not None:
        parts.append("from {:%H:%M} to {:%H:%M}".format(*when.between))
    if when.days:
        parts.append(f"on {_any(when.days)}")
    if when.sun:
        parts.append(f"with the sun {when.sun}")
    if when.illuminance is not None:
        unknown = "or unknown" if when.illuminance.when_unknown else "and known"
        parts.append(f"below {when.illuminance.below_lux:g} lux by {when.illuminance.topic}, {unknown}")
    return " ".join(parts)


def _any(names: Sequence[str]) -> str:
    return " or ".join(names)


def _action(action: Action) -> str:
    match action:
        case SetLight():
            at = "" if action.brightness_percent is None else f" at {action.brightness_percent} %"
            off = "" if action.off_after_s is None else f", off after {action.off_after_s:g} s"
            return f"turn {action.light} {'on' if action.on else 'off'}{at}{off}"
        case Publish():
            return f"publish to {action.topic}{', retained' if action.retain else ''}"
        case LockDoor():
            return f"lock {action.lock}"
        case UnlockDoor():
            return f"ask for {action.lock} to be unlocked"
        case CallWebhook():
            return f"call {shown_server(action.url)}{', signed' if action.secret_env else ''}"
        case Speak():
            text = "greet" if action.text is None else f"say {action.text!r}"
            return text if action.language is None else f"{text} ({action.language})"
