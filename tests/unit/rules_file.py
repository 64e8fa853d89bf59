"""Pieces of `rules.yaml` that tests put together, the schema, and the cameras and variables around them."""

import json
from pathlib import Path

import jsonschema
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.topics import Topics

from facewire.shapes import Area, Layout, Line
from tests.places import ROOT

SCHEMA = json.loads((ROOT / "config" / "rules.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PORCH = Area("porch", ((0, 0), (1, 0), (1, 1)))
LAYOUTS = {
    "door": Layout(zones=(PORCH,), lines=(Line("sill", ((0, 0), (1, 1)), to_left="out", to_right="in"),)),
    "hall": Layout(),
}
AROUND = Surroundings(
    Topics("facewire", "door-pi"), layouts=LAYOUTS, secret={"WEBHOOK_KEY": "k" * 32, "EMPTY": None}.get
)
HEAD = """place: {latitude: 52.5, longitude: -13.4}
lights:
  hall: {zigbee2mqtt: hall_lamp}
  bell: {topic: home/bell/set}
locks:
  front:
    zigbee2mqtt: front_door
    unlock: {people: [anna, Wei 王], cameras: door}
  back: {tasmota: back}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "rules.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def when(text: str, do: str = "speak: {}") -> str:
    return HEAD + f"rules:\n  - name: x\n    when: {{{text}}}\n    do:\n      - {do}\n"


def do(text: str, condition: str = "event: appeared") -> str:
    return when(condition, text)


def light(text: str) -> str:
    return f"lights:\n  hall: {{{text}}}\n"


def lock(text: str) -> str:
    return f"locks:\n  front: {{{text}}}\n"


def unlock(text: str) -> str:
    return f"locks:\n  front:\n    topic: home/lock\n    unlock: {{people: [a], cameras: [door], {text}}}\n"


def publish(topic: str) -> str:
    return do(f'publish: {{topic: "{topic}", payload: x}}')


def webhook(text: str) -> str:
    return do(f"webhook: {{{text}}}")
