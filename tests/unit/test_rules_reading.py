"""`rules.yaml`: what is read of it, and that an editor accepts the same."""

import re
from collections.abc import Callable
from datetime import time
from pathlib import Path

import jsonschema
import pytest
import yaml
from iot_bridge.locks.model import Evidence, Lock, Unlocking
from iot_bridge.rules.model import (
    CallWebhook,
    Device,
    Greeting,
    Illuminance,
    Light,
    LockDoor,
    Place,
    Publish,
    Rule,
    Rulebook,
    SetLight,
    Speak,
    UnlockDoor,
    When,
)
from iot_bridge.rules.reading import load_rules
from iot_bridge.rules.surroundings import Surroundings

from facewire.marked import MarkedError
from facewire.messages import PLACE_NAME
from tests.places import ROOT
from tests.unit.rules_file import AROUND, HEAD, SCHEMA, VALIDATOR, do, light, lock, publish, webhook, when, write

EXAMPLE = ROOT / "config" / "rules.yaml"
GOOD = (
    HEAD
    + """
greeting: {language: en, people: {anna: "Welcome home, {person}"}, languages: {"Wei 王": zh}, at_most_every_s: 60}
rules:
  - name: Light at the door
    when:
      event: [appeared, entered]
      person: [anyone, nobody]
      camera: door
      zone: porch
      between: ["18:00", 07:00]
      days: [fri, sat]
      sun: down
      illuminance: {topic: zigbee2mqtt/sensor, field: illuminance, below_lux: 20, when_unknown: no}
    do:
      - light: {name: hall, turn: on, brightness: 60, off_after_s: 120}
      - light: {name: bell, turn: "off"}
      - publish: {topic: home/door, payload: '{"who": "{person}"}', retain: true}
      - lock: back
      - webhook: {url: "https://example.org/x?y=1", timeout_s: 2.5, retries: 0, secret_env: WEBHOOK_KEY}
      - speak:
  - name: open
    when: {event: identified, person: anna}
    do: [unlock: front, speak: {text: "Hello, {person}", language: en}]
  - {name: in, when: {event: crossed, line: sill, direction: in}, do: [light: {name: hall, turn: off}]}
  - {name: stayed, when: {event: left_zone, dwelt_s: 5}, do: [publish: {topic: a, payload: ""}]}
"""
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert load_rules(write(tmp_path, GOOD), AROUND) == Rulebook(
        rules=(
            Rule(
                "Light at the door",
                When(
                    events=("appeared", "entered"),
                    people=("anyone", "nobody"),
                    cameras=("door",),
                    zones=("porch",),
                    between=(time(18), time(7)),
                    days=("fri", "sat"),
                    sun="down",
                    illuminance=Illuminance("zigbee2mqtt/sensor", "illuminance", 20, when_unknown=False),
                ),
                (
                    SetLight("hall", on=True, brightness_percent=60, off_after_s=120),
                    SetLight("bell", on=False),
                    Publish("home/door", '{"who": "{person}"}', retain=True),
                    LockDoor("back"),
                    CallWebhook("https://example.org/x?y=1", 2.5, 0, "WEBHOOK_KEY"),
                    Speak(),
                ),
            ),
            Rule(
                "open",
                When(("identified",), people=("anna",)),
                (UnlockDoor("front"), Speak("Hello, {person}", "en")),
            ),
            Rule("in", When(("crossed",), lines=("sill",), directions=("in",)), (SetLight("hall", on=False),)),
            Rule("stayed", When(("left_zone",), dwelt_s=5), (Publish("a", ""),)),
        ),
        lights={
            "hall": Light("hall", Device("zigbee2mqtt", "hall_lamp")),
            "bell": Light("bell", Device("topic", "home/bell/set")),
        },
        locks={
            "front": Lock("front", "zigbee2mqtt", "front_door", Unlocking(("anna", "Wei 王"), ("door",))),
            "back": Lock("back", "tasmota", "back"),
        },
        place=Place(52.5, -13.4),
        greeting=Greeting("en", {"anna": "Welcome home, {person}"}, {"Wei 王": "zh"}, 60),
    )
    VALIDATOR.validate(yaml.safe_load(GOOD))


def test_how_carefully_a_lock_opens_is_read(tmp_path: Path) -> None:
    text = HEAD.replace(
        "cameras: door",
        "cameras: [door], similarity: 0.6, margin: 0.2, of_looks: [6, 8], live_score: 0.9, face_px: 100, "
        "second_factor: pin, cooldown_s: 5, failures: 3, failures_within_s: 60, lockout_s: 900",
    )
    assert load_rules(write(tmp_path, text), AROUND).locks["front"].unlocking == Unlocking(
        ("anna", "Wei 王"), ("door",), Evidence(0.6, 0.2, (6, 8), 0.9, 100), "pin", 5, 3, 60, 900
    )
    VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "{}\n", "rules:\n", "lights:\nlocks:\nplace:\ngreeting:\nrules: []\n"]
)
def test_nothing_written_is_no_rules(tmp_path: Path, text: str) -> None:
    assert load_rules(write(tmp_path, text), AROUND) == Rulebook()
    VALIDATOR.validate(yaml.safe_load(text))


def test_the_file_that_is_shipped_does_nothing_and_its_examples_are_right(tmp_path: Path) -> None:
    assert load_rules(EXAMPLE, AROUND) == Rulebook()
    shipped = EXAMPLE.read_text(encoding="utf-8")
    VALIDATOR.validate(yaml.safe_load(shipped))
    text = re.sub(r"^#(  |place|greeting)", r"\1", shipped, flags=re.MULTILINE)
    book = load_rules(write(tmp_path, text), AROUND)
    assert (len(book.rules), len(book.lights), len(book.locks), book.place) == (2, 2, 1, Place(52.5, 13.4))
    assert book.greeting.people == {"anna": "Welcome home, {person}"}
    VALIDATOR.validate(yaml.safe_load(text))


def test_the_schema_is_one_and_names_are_the_same_in_it() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["name"]["pattern"] == f"^{PLACE_NAME.pattern}$"


GOOD_PARTS: list[tuple[Callable[[str], str], str]] = [
    (light, "zigbee2mqtt: upstairs/hall lamp"),
    (light, "tasmota: tasmota_1A2B3C"),
    (light, "esphome: hall-node/ceiling"),
    (light, "shelly: shellyplus1-a8032abe54dc"),
    (light, "shelly: home/dimmer/light:0"),
    (light, "home_assistant: light.porch_2"),
    (lock, "home_assistant: lock.front"),
    (lock, "esphome: node/front"),
    (publish, "zigbee2mqtt/front_door_bell/set"),
    (publish, "zigbee2mqtt/front_door"),
    (publish, "back/stat/POWER"),
    (publish, "homeassistant/light/porch/set"),
    (publish, "facewired/x"),
    (publish, "home/back"),
    (webhook, "url: http://192.168.1.5:8123/api/webhook/x"),
    (webhook, "url: 'http://[::1]:80/x'"),
    (webhook, "url: HTTPS://A.B"),
    (do, "light: {name: hall, turn: yes}"),
    (do, 'publish: {topic: a, payload: \'{"a": {"b": 1}}\'}'),
    (when, "event: left, person: 'Zoë O''Neil'"),
    (when, "event: unknown, person: nobody"),
    (when, 'event: left, between: ["00:00", "23:59"]'),
]


@pytest.mark.parametrize(("make", "part"), GOOD_PARTS)
def test_reader_and_schema_accept_the_same(tmp_path: Path, make: Callable[[str], str], part: str) -> None:
    text = make(part)
    load_rules(write(tmp_path, text), AROUND)
    VALIDATOR.validate(yaml.safe_load(text))


def test_without_cameras_yaml_any_camera_may_be_and_no_zone_is(tmp_path: Path) -> None:
    nothing = Surroundings(AROUND.topics)
    assert load_rules(write(tmp_path, when("event: left, camera: attic")), nothing).rules[0].when.cameras == ("attic",)
    with pytest.raises(MarkedError, match=r"expected a zone of cameras.yaml \(there is none\), found 'porch'"):
        load_rules(write(tmp_path, when("event: left, zone: porch")), nothing)
