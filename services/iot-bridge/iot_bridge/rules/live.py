"""The rules as they are now: read again whenever the file changes, and kept while it holds a mistake."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.marked import LIMIT_BYTES, MarkedError
from facewire.metrics import Metrics
from facewire.settings import stop_operator
from iot_bridge.rules.model import Rule, Rulebook
from iot_bridge.rules.reading import load_rules
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.settings import BridgeSettings

NOTE = "rules"
LOOK_EVERY_S = 1.0


def first_rules(settings: BridgeSettings, around: Surroundings, path: Path | None = None) -> Rulebook:
    """Return what the file says, or end the process with one clear line and exit code 2.

    No file where it lies by default means that there are no rules. One that was named must be there.

    Args:
        settings: name the file.
        around: the home.
        path: another file than the settings'.
    """
    named = path is not None or "rules_file" in settings.model_fields_set
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


class LiveRules:
    """The current rules, for every thread.

    A change counts once the file has stayed as it is for one look: an editor may be writing it, and the first half of
    a file may be rules, too.

    Args:
        book: the rules of the start.
        path: the file.
        around: the home.
        heartbeat: shows how many rules there are, or what is wrong with the file.
        metrics: counts.
        log: told of each change.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        book: Rulebook,
        path: Path,
        around: Surroundings,
        heartbeat: Heartbeat,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book = book
        self._path = path
        self._around = around
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._looked_s = float("-inf")
        # Not yet known: a change between the start and the first look must not be missed.
        self._settled: object = object()
        self._seen: object = None
        self._complaint = ""
        self._note()

    @property
    def book(self) -> Rulebook:
        """The rules that hold now; one value, so ask once for each decision."""
        return self._book

    def look(self) -> bool:
        """Look at the file, about once a second however often this is called; True if the rules changed."""
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        seen = _content(self._path)
        if seen != self._seen:
            self._seen = seen
            return False
        if seen == self._settled:
            return False
        self._settled = seen
        return self._read()

    def _read(self) -> bool:
        try:
            book = load_rules(self._path, self._around)
        except MarkedError as error:
            self._keep(str(error))
            return False
        except OSError as error:
            # Where there was none at the start, that there is still none is no news.
            if self._book != Rulebook() or self._complaint:
                self._keep(f"{self._path} cannot be read ({error.strerror})")
            return False
        changed, before = book != self._book, self._book
        mended, self._complaint = bool(self._complaint), ""
        self._book = book
        self._note()
        if changed or mended:
            self._log.info("the rules were read again", changed=difference(before, book))
            self._metrics.count("rules_read")
        return changed

    def _keep(self, complaint: str) -> None:
        self._complaint = complaint
        self._heartbeat.note(NOTE, f"the last good ones: {complaint}")
        self._log.warning("the rules hold a mistake; the last good ones stay", mistake=complaint)
        self._metrics.error("rules")

    def _note(self) -> None:
        count = len(self._book.rules)
        self._heartbeat.note(NOTE, f"{count} rule{'' if count == 1 else 's'}" if count else "")


def difference(before: Rulebook, after: Rulebook) -> str:
    """Say in one line what is new, changed and gone."""
    parts = [
        _difference("rule", _by_name(before), _by_name(after)),
        _difference("light", before.lights, after.lights),
        _difference("lock", before.locks, after.locks),
    ]
    parts += [name for name in ("place", "greeting") if getattr(before, name) != getattr(after, name)]
    if not any(parts) and before.rules != after.rules:
        parts.append("the order of rules")
    return "; ".join(filter(None, parts)) or "nothing"


def _by_name(book: Rulebook) -> Mapping[str, Rule]:
    return {rule.name: rule for rule in book.rules}


def _difference(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    changed = [name for name in before if name in after and before[name] != after[name]]
    kinds = {
        "new": [name for name in after if name not in before],
        "changed": changed,
        "gone": [name for name in before if name not in after],
    }
    return ", ".join(f"{what} {name} {kind}" for kind, names in kinds.items() for name in names)


def _content(path: Path) -> tuple[object, ...]:
    try:
        status = path.stat()
        with path.open("rb") as file:
            return status.st_ino, status.st_mtime_ns, file.read(LIMIT_BYTES + 1)
    except OSError as error:
        return (error.errno,)
