"""The rules as they are now: read again whenever the file changes, and kept while it holds a mistake."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from facewire.heartbeat import Heartbeat
from facewire.live import LiveFile, Reading, changes
from facewire.log import Log
from facewire.marked import MarkedError
from facewire.metrics import Metrics
from facewire.settings import stop_operator
from iot_bridge.rules.model import Rule, Rulebook
from iot_bridge.rules.reading import load_rules
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.settings import BridgeSettings

NOTE = "rules"

LiveRules = LiveFile[Rulebook]


def first_rules(settings: BridgeSettings, around: Surroundings, path: Path | None = None) -> Rulebook:
    """Return what the file says, or end the process with one clear line and exit code 2.

    No file where it lies by default means that there are no rules. One that was named must be there.

    Args:
        settings: name the file.
        around: the home.
        path: another file than the settings'.
    """
    named = path is not None or "rules_file" in settings.named
    path = path or settings.rules_file
    try:
        if not named and not path.exists():
            return Rulebook()
        return load_rules(path, around)
    except MarkedError as error:
        stop_operator(str(error))
    except OSError as error:
        example = "for example RULES_FILE=config/rules.yaml"
        stop_operator(f"RULES_FILE: {path} cannot be read ({error.strerror}); name a file; {example}")


def live_rules(
    book: Rulebook,
    path: Path,
    around: Callable[[], Surroundings],
    heartbeat: Heartbeat,
    metrics: Metrics,
    log: Log,
    clock: Callable[[], float] = time.monotonic,
) -> LiveRules:
    """Return the current rules, for every thread.

    Args:
        book: the rules of the start.
        path: the file.
        around: returns the home, which may change too.
        heartbeat: shows how many rules there are, or what is wrong with the file.
        metrics: counts.
        log: told of each change.
        clock: seconds that only go forward.
    """
    reading = Reading(NOTE, path, lambda path: load_rules(path, around()), Rulebook(), _count, difference)
    return LiveFile(reading, book, heartbeat, metrics, log, clock)


def difference(before: Rulebook, after: Rulebook) -> str:
    """Say in one line what is new, changed and gone."""
    parts = [
        changes("rule", _by_name(before), _by_name(after)),
        changes("light", before.lights, after.lights),
        changes("lock", before.locks, after.locks),
    ]
    parts += [name for name in ("place", "greeting") if getattr(before, name) != getattr(after, name)]
    if not any(parts) and before.rules != after.rules:
        parts.append("the order of rules")
    return "; ".join(filter(None, parts))


def _by_name(book: Rulebook) -> Mapping[str, Rule]:
    return {rule.name: rule for rule in book.rules}


def _count(book: Rulebook) -> str:
    count = len(book.rules)
    return f"{count} rule{'' if count == 1 else 's'}" if count else ""
