"""How long a home waits: from the frame on which a face counted to the command that turns on a light."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.acting.hearing import Ear, Heard
from benchmarks.acting.home import at_home, await_truth
from benchmarks.acting.speed import NS_PER_MS, percentiles

RULES = """\
lights:
  hall: {zigbee2mqtt: hall}
rules:
  - name: welcome
    when: {event: appeared}
    do: [light: {name: hall, turn: on}]
"""
COMMAND = "zigbee2mqtt/hall/set"
FIRST_WITHIN_S = 90.0


def capture_to_command(seconds: float) -> dict[str, Any]:
    """Return how long light commands take from the capture of the frame that caused them, in ms, and how many came.

    The whole stack plays the demo clip.
    """
    with (
        tempfile.TemporaryDirectory(prefix="facewire-bench-") as name,
        at_home(Path(name), RULES, others=("capture", "detector", "tracker"), CAMERA="demo") as home,
        Ear(home.mqtt_port) as ear,
    ):
        await_truth(lambda: bool(ear.under(COMMAND)), "the first light command", within_s=FIRST_WITHIN_S)
        # Until the detector has chosen its backend and all is warm.
        time.sleep(5)
        first = len(ear.heard)
        time.sleep(seconds)
        spent_ms = waits_ms(ear.heard[first:])
    return percentiles(spent_ms) | {"commands": len(spent_ms)}


def waits_ms(heard: list[Heard]) -> list[float]:
    """Return how long each command came after its event's frame; the bridge sends an event before what it causes."""
    spent_ms, event = [], None
    for each in heard:
        if each.topic.endswith("/event"):
            event = json.loads(each.payload)
        elif each.topic == COMMAND and event is not None:
            spent_ms.append((each.at_ns - event["captured_ns"]) / NS_PER_MS)
    return spent_ms
