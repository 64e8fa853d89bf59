"""What tests of rules share: how rules are written, what happens, and what the bridge says of it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewire import keys
from facewire.messages import FaceEvent
from tests.integration.bridge import Store, fields
from tests.integration.bridge import event as numbered

LAMP = "zigbee2mqtt/hall/set"
ON, OFF = b'{"state":"ON"}', b'{"state":"OFF"}'
HEAD = "lights:\n  hall: {zigbee2mqtt: hall}\nrules:\n"


def rule(name: str, do: str, event: str = "appeared") -> str:
    return f"  - name: {name}\n    when: {{event: {event}}}\n    do:\n      - {do}\n"


def on(seconds: float) -> str:
    return f"light: {{name: hall, turn: on, off_after_s: {seconds}}}"


def happens(store: Store, number: int, age_s: float = 0.0, **about: Any) -> FaceEvent:
    """Tell of an event of now, or of a while ago."""
    at_ns = time.time_ns() - int(age_s * 1e9)
    happened = replace(numbered(number), started_ns=at_ns, at_ns=at_ns, **about)
    store.client.xadd(keys.EVENTS.key(), fields(happened))
    return happened


def acknowledged(store: Store, group: str) -> bool:
    """Say whether a group took all events there are and acknowledged each.

    How many it read says less: for a group that began late Redis counts what was there before too.
    """
    last = store.client.xinfo_stream(keys.EVENTS.key())["last-generated-id"]
    groups = {each["name"].decode(): each for each in store.client.xinfo_groups(keys.EVENTS.key())}
    return group in groups and groups[group]["last-delivered-id"] == last and groups[group]["pending"] == 0


def bridge_log(folder: Path) -> str:
    return (folder / "bridge.log").read_text(encoding="utf-8")
