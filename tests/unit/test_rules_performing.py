"""What a rule's actions are on the wire, and what is told of rules."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.locks.model import Lock, Unlocking
from iot_bridge.payloads import event_fields as told_of
from iot_bridge.rules.fence import Fence
from iot_bridge.rules.filling import event_fields, filled, unknown_field
from iot_bridge.rules.live import difference
from iot_bridge.rules.model import (
    Action,
    CallWebhook,
    Device,
    Greeting,
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
from iot_bridge.rules.performing import planned
from iot_bridge.rules.presets import light_publications
from iot_bridge.rules.senses import Senses
from iot_bridge.rules.telling import told
from iot_bridge.topics import Publication, Topics
from iot_bridge.webhooks import calls, signature

from facewire.messages import Person
from tests.unit.messages import EVENT
from tests.unit.test_rules_matching import BERLIN

TOPICS = Topics("facewire", "door-pi")
HALL = Device("zigbee2mqtt", "hall")
BOOK = Rulebook(lights={"hall": Light("hall", HALL)})


@pytest.mark.parametrize(
    ("device", "bright", "off"),
    [
        (
            Device("zigbee2mqtt", "up/hall"),
            [("zigbee2mqtt/up/hall/set", {"state": "ON", "brightness": 152})],
            [("zigbee2mqtt/up/hall/set", {"state": "OFF"})],
        ),
        (
            Device("esphome", "node/sub/lamp"),
            [("node/sub/light/lamp/command", {"state": "ON", "brightness": 153})],
            [("node/sub/light/lamp/command", {"state": "OFF"})],
        ),
        (
            Device("home_assistant", "light.porch"),
            [("facewire/door-pi/command/light.porch", {"state": "ON", "brightness": 153})],
            [("facewire/door-pi/command/light.porch", {"state": "OFF"})],
        ),
        (
            Device("tasmota", "hall"),
            [("cmnd/hall/Dimmer", "60"), ("cmnd/hall/POWER", "ON")],
            [("cmnd/hall/POWER", "OFF")],
        ),
        (
            Device("shelly", "dimmer-1/light:2"),
            [
                (
                    "dimmer-1/rpc",
                    {
                        "id": 1,
                        "src": "facewire",
                        "method": "Light.Set",
                        "params": {"id": 2, "on": True, "brightness": 60},
                    },
                )
            ],
            [("dimmer-1/rpc", {"id": 1, "src": "facewire", "method": "Light.Set", "params": {"id": 2, "on": False}})],
        ),
    ],
)
def test_a_light_is_told_in_its_own_words(device: Device, bright: Any, off: Any) -> None:
    def said(publications: list[Publication]) -> list[tuple[str, Any]]:
        assert not any(each.retain for each in publications)
        return [(each.topic, _read(each.payload)) for each in publications]

    assert said(light_publications(device, TOPICS, on=True, percent=60)) == bright
    assert said(light_publications(device, TOPICS, on=False)) == off


def _read(payload: bytes) -> Any:
    return json.loads(payload) if payload.startswith(b"{") else payload.decode()


def test_a_switch_is_only_told_on_and_off() -> None:
    (said,) = light_publications(Device("shelly", "plus1"), TOPICS, on=True)
    assert said.topic == "plus1/rpc"
    assert json.loads(said.payload)["method"] == "Switch.Set"
    assert light_publications(Device("topic", "a/b"), TOPICS, on=True) == [Publication("a/b", b"ON")]


# ---- texts


@given(st.text(max_size=30))
def test_a_name_stays_inside_its_text_in_json(name: str) -> None:
    template = '{"who": "{person}", "where": ["{camera}", {"at": "{zone}"}]}'
    fields = event_fields(replace(EVENT, identity=Person(name, 0.9) if name else None, zones=("porch",)))
    assert json.loads(filled(template, fields)) == {"who": name, "where": ["door", {"at": "porch"}]}


def test_what_an_event_does_not_have_is_empty() -> None:
    assert filled("{event} {camera} [{person}] [{zone}] {id}", event_fields(EVENT)) == f"appeared door [] [] {EVENT.id}"
    assert filled("{ {x} {{person}}", {"person": "{camera}", "x": ""}) == "{  {{camera}}"
    assert unknown_field("{person} {Who} {a b} {who}", ("person",)) == "{who}"


# ---- what is planned


def plan(*actions: Action, age_s: float = 0.0) -> Any:
    rule = Rule("x", When(("appeared",)), actions)
    return planned(iter([rule]), BOOK, EVENT, TOPICS, age_s)


def test_messages_come_in_order_and_a_light_knows_when_it_goes_off() -> None:
    done = plan(Publish("a", "{camera}", retain=True), SetLight("hall", on=True, off_after_s=30), Publish("b", ""))
    assert [each.topic for each in done.publications] == ["a", "zigbee2mqtt/hall/set", "b"]
    assert done.publications[0] == Publication("a", b"door", retain=True)
    assert done.off_after_s == {HALL: 30}


def test_the_last_word_about_a_light_counts() -> None:
    assert plan(SetLight("hall", on=True, off_after_s=30), SetLight("hall", on=True)).off_after_s == {HALL: None}
    assert plan(SetLight("hall", on=True, off_after_s=30), SetLight("hall", on=False)).off_after_s == {HALL: None}


@pytest.mark.parametrize(
    ("action", "age_s", "late"),
    [
        (SetLight("hall", on=True), 60, 0),
        (SetLight("hall", on=True), 61, 1),
        (SetLight("hall", on=True, off_after_s=5), 6, 1),
        (SetLight("hall", on=True, off_after_s=600), 61, 1),
        (SetLight("hall", on=False), 6000, 0),
        (SetLight("hall", on=False), math.inf, 0),
        (SetLight("hall", on=True), math.inf, 1),
        (Publish("a", ""), 60, 0),
        (Publish("a", ""), 61, 1),
        (Publish("a", ""), math.inf, 1),
    ],
)
def test_an_action_is_not_done_for_an_old_event(action: Action, age_s: float, late: int) -> None:
    done = plan(action, age_s=age_s)
    assert (done.late + done.late_messages, len(done.publications)) == (late, 1 - late)
    assert bool(done.off_after_s) == (isinstance(action, SetLight) and not late)


def test_a_rule_says_how_old_its_events_may_be() -> None:
    rule = Rule("x", When(("appeared",)), (Publish("a", ""), SetLight("hall", on=True, off_after_s=600)), 300)
    assert len(planned(iter([rule]), BOOK, EVENT, TOPICS, 299).publications) == 2
    done = planned(iter([replace(rule, max_age_s=5)]), BOOK, EVENT, TOPICS, 6)
    assert (done.publications, done.late, done.late_messages) == ([], 1, 1)


def test_what_others_carry_out_is_left_to_them() -> None:
    done = plan(LockDoor("front"), UnlockDoor("front"), Speak(), CallWebhook("http://a"))
    assert done.publications == []


# ---- what no rule may publish to: whatever the light is called, its own topics keep off the locks


@pytest.mark.parametrize("preset", ["zigbee2mqtt", "tasmota", "esphome", "shelly", "topic"])
def test_no_light_obeys_where_a_lock_does(preset: Any) -> None:
    address = "node/front" if preset == "esphome" else "front"
    fence = Fence("facewire", "homeassistant", (Lock("front", preset, address),))
    lock_topics = {
        "zigbee2mqtt": ["zigbee2mqtt/front/set"],
        "tasmota": ["cmnd/front/POWER", "cmnd/front/POWER1"],
        "esphome": ["node/lock/front/command"],
        "shelly": ["front/rpc", "front/command/switch:0"],
        "topic": ["front", "front/x"],
    }[preset]
    assert all(fence.why_not(topic) for topic in lock_topics)
    assert not fence.why_not("home/bell")


def test_relays_of_one_shelly_may_be_a_lock_and_a_light() -> None:
    fence = Fence("facewire", "homeassistant", (Lock("front", "shelly", "duo/switch:0"),))
    assert fence.why_no_light(Device("shelly", "duo"), ["duo/rpc"])
    assert fence.why_no_light(Device("shelly", "duo/light:0"), ["duo/rpc"])
    assert not fence.why_no_light(Device("shelly", "duo/switch:1"), ["duo/rpc"])
    assert fence.why_not("duo/rpc")


# ---- webhooks


def test_a_webhook_is_called_with_the_event_and_the_rule() -> None:
    event = replace(EVENT, identity=Person("Zoë", 0.9), zones=("porch",))
    hook = CallWebhook("http://a:8080/secret?token=1", secret_env="KEY")
    rule = Rule("at home", When(("appeared",)), (Speak(), hook))
    (call,) = calls(Rulebook((rule,)), event, Senses(BERLIN), lambda name: name * 2)
    assert json.loads(call.body) == json.loads(json.dumps({**told_of(event), "rule": "at home"}))
    assert json.loads(call.body)["zones"] == ["porch"]
    assert call.idempotency_key == f"{EVENT.id}:at%20home:1"
    assert call.key == "KEYKEY"
    assert call.server == "a:8080"
    assert (call.at_ns, call.max_age_s) == (EVENT.at_ns, 60)
    assert (
        list(calls(Rulebook((rule,)), replace(event, type="left", snapshot=None), Senses(BERLIN), lambda _: None)) == []
    )


def test_the_signature_is_the_hmac_of_time_and_body() -> None:
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    assert signature("key", b'{"a":1}', 1_700_000_000) == (
        "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


# ---- what is told


def test_rules_are_told_in_plain_words() -> None:
    rules = (
        Rule(
            "a",
            When(("appeared", "left"), cameras=("door",), days=("fri",)),
            (SetLight("hall", on=True, brightness_percent=60, off_after_s=5), Publish("x", "y", retain=True)),
        ),
        Rule(
            "b",
            When(("identified",), people=("anna",)),
            (
                UnlockDoor("front"),
                LockDoor("front"),
                Speak("Hi"),
                CallWebhook("https://u.example/secret", secret_env="K"),
            ),
        ),
    )
    locks = {
        "front": Lock("front", "tasmota", "f", Unlocking(("anna",), ("door",), second_factor="pin")),
        "back": Lock("back", "topic", "b"),
    }
    assert list(told(replace(BOOK, rules=rules, locks=locks))) == [
        "light hall: zigbee2mqtt hall",
        "lock front: tasmota f; may open for anna seen by door on 4 of 5 looks, with the PIN",
        "lock back: topic b; never opens",
        "a: when appeared or left at door on fri: turn hall on at 60 %, off after 5 s; publish to x, retained",
        "b: when identified of anna: ask for front to be unlocked; lock front; say 'Hi'; call u.example, signed",
    ]


def test_what_changed_is_told_in_one_line() -> None:
    a, b = (Rule(name, When(("left",)), (Speak(),)) for name in "ab")
    assert difference(Rulebook((a,)), Rulebook((a,))) == ""
    assert difference(Rulebook((a, b)), Rulebook((b, a))) == "the order of rules"
    after = Rulebook(
        (replace(a, actions=(Speak("Hi"),)),), lights=BOOK.lights, place=Place(1, 2), greeting=Greeting("zh")
    )
    assert difference(Rulebook((a, b)), after) == "rule a changed, rule b gone; light hall new; place; greeting"
