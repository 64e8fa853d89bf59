"""What the bridge tells Home Assistant is what its documentation asks for, whatever there is to tell."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iot_bridge.discovery import Known, Node, device_publication
from iot_bridge.people import key_of
from iot_bridge.topics import Topics
from jsonschema import Draft202012Validator

from tests.places import ROOT
from tests.unit.messages import cameras

SCHEMA = json.loads((ROOT / "tests/contract/home_assistant_device.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
NODE = Node(Topics("facewire", "door-pi"), "Door", "homeassistant", {"door": ("porch",)})
KNOWN = Known(frozenset({"door"}), {key_of("Ada"): "Ada"}, ("tvm",))


def message(node: Node, known: Known, farewell: Any = None) -> dict[str, Any]:
    return dict(json.loads(device_publication(node, known, farewell).payload))


def complaints(said: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(said)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_full_device_is_as_documented() -> None:
    said = message(NODE, KNOWN, {"gone": {"p": "device_automation"}})
    assert complaints(said) == []
    platforms = {component["p"] for component in said["cmps"].values()}
    assert platforms == set(SCHEMA["$defs"]["removed"]["properties"]["p"]["enum"])


@settings(max_examples=20, deadline=None)
@given(
    st.sets(cameras, max_size=3),
    st.sets(st.text(min_size=1, max_size=128), max_size=3),
    st.dictionaries(cameras, st.lists(cameras, max_size=2, unique=True), max_size=2),
    st.sampled_from(("facewire", "home/faces", "Zuhause/Tür")),
)
def test_any_device_is_as_documented(
    names: set[str], people: set[str], zones: dict[str, list[str]], prefix: str
) -> None:
    node = Node(Topics(prefix, "a_b-c"), "Door", "homeassistant", zones)
    known = Known(frozenset(names | zones.keys()), {key_of(name): name for name in people})
    said = message(node, known)
    assert complaints(said) == []
    ids = [component["unique_id"] for component in said["cmps"].values() if "unique_id" in component]
    assert len(set(ids)) == len(ids)


def test_triggers_differ_in_type_or_subtype() -> None:
    said = message(NODE, replace(KNOWN, cameras=frozenset({"door", "hall"})))["cmps"].values()
    triggers = [(each["type"], each["stype"]) for each in said if each["p"] == "device_automation"]
    assert len(set(triggers)) == len(triggers) == 8


Spoil = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.pop("o"),
        lambda said: said["dev"].pop("ids"),
        lambda said: said["cmps"]["door_count"].pop("stat_t"),
        lambda said: said["cmps"]["door_count"].update(object_id="x"),
        lambda said: said["cmps"]["door_count"].update(stat_t="a/+/b"),
        lambda said: said["cmps"]["door_count"].pop("name"),
        lambda said: said["cmps"]["door_privacy"].pop("cmd_t"),
        lambda said: said["cmps"]["door_status"].pop("ops"),
        lambda said: said["cmps"]["door.on.left"].pop("stype"),
        lambda said: said["cmps"]["backend"].update(default_entity_id="switch.x"),
        lambda said: said["cmps"]["update"].update(val_tpl="1.0"),
        lambda said: said["cmps"].update(x={"p": "toaster"}),
    ],
)
def test_the_schema_notices_what_home_assistant_would_not_take(spoil: Spoil) -> None:
    said = message(NODE, KNOWN)
    spoil(said)
    assert complaints(said) != []
