"""`python -m iot_bridge check [FILE]`: say what the rules mean, or what is wrong with them."""

import sys
from collections.abc import Sequence
from pathlib import Path

from facewire.layouts import layouts
from facewire.settings import OPERATOR_ERROR, load
from iot_bridge.rules.hints import zone_hint
from iot_bridge.rules.live import first_rules
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.rules.telling import told
from iot_bridge.settings import BridgeSettings, secret
from iot_bridge.topics import Topics


def check(arguments: Sequence[str]) -> int:
    """Print what each rule means; a mistake ends the process with its line and exit code 2."""
    if len(arguments) > 1:
        print("usage: python -m iot_bridge check [FILE]", file=sys.stderr)  # noqa: T201
        return OPERATOR_ERROR
    settings = load(BridgeSettings)
    path = Path(arguments[0]) if arguments else None
    book = first_rules(settings, surroundings(settings), path)
    for line in told(book):
        print(line)  # noqa: T201
    zone = settings.zone.zone or "this host's"
    hint = zone_hint(book, settings.zone.problem)
    if hint:
        print(hint, file=sys.stderr)  # noqa: T201
        zone = "unknown"
    count = len(book.rules)
    # A path may hold bytes that are no text.
    shown = str(path or settings.rules_file).encode(errors="replace").decode()
    print(f"{shown}: {count} rule{'' if count == 1 else 's'}; times are {zone}")  # noqa: T201
    return OPERATOR_ERROR if hint else 0


def surroundings(settings: BridgeSettings) -> Surroundings:
    """Return what rules are checked against."""
    topics = Topics(settings.topic_prefix, settings.node_id)
    return Surroundings(topics, settings.discovery_prefix, layouts(settings), secret)
