"""Read which device a light or a lock is, and for whom a lock may open."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from facewire.marked import Marked
from facewire.sanity import A_CAMERA_NAME, FREE_NAME
from iot_bridge.locks.model import Evidence, Lock, Unlocking
from iot_bridge.rules.fence import A_TOPIC, Fence, is_topic, shelly_parts
from iot_bridge.rules.model import Device, Preset
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.rules.words import choice, name, one_or_many, people, person, whole

PRESETS: tuple[Preset, ...] = get_args(Preset)
FACTORS: tuple[Literal["none", "pin", "confirm"], ...] = ("none", "pin", "confirm")
LOCKS_LIMIT = 32
# https://www.home-assistant.io/docs/configuration/state_object/: domain.object_id
ENTITY = re.compile(r"(light|lock)\.[a-z0-9_]{1,200}")
LEVELS = re.compile(r"[^\x00-\x1f\x7f+#/$][^\x00-\x1f\x7f+#/]*(/[^\x00-\x1f\x7f+#/]+)*")
ADDRESSES: Mapping[Preset, tuple[str, re.Pattern[str]]] = {
    "zigbee2mqtt": ("the friendly name that Zigbee2MQTT has for it", LEVELS),
    "tasmota": ("Tasmota's Topic of it, without a /", re.compile(r"[^\x00-\x20\x7f+#/$][^\x00-\x20\x7f+#/]*")),
    "esphome": (
        "ESPHome's topic_prefix and the object id, as in hall-node/ceiling",
        re.compile(r"[^\x00-\x20\x7f+#/$][^\x00-\x20\x7f+#/]*(/[^\x00-\x20\x7f+#/]+)+"),
    ),
    "shelly": (
        "the Shelly's MQTT prefix, then /switch:0 or /light:0 if it is not its first switch",
        re.compile(r"[^\x00-\x20\x7f+#/$:][^\x00-\x20\x7f+#/:]*(/[^\x00-\x20\x7f+#/:]+)*(/(switch|light):[0-9]{1,2})?"),
    ),
    "topic": (A_TOPIC, LEVELS),
}
UNLOCK = (
    "people",
    "cameras",
    "similarity",
    "margin",
    "of_looks",
    "live_score",
    "face_px",
    "second_factor",
    "cooldown_s",
    "failures",
    "failures_within_s",
    "lockout_s",
)
# Below these, what is asked of a face is no evidence: strangers are alike by 0.27 in 1 of 20 pairs, and an enrolled
# face is alike by 0.6 and more.
LEAST_SIMILARITY, LEAST_MARGIN, LEAST_LOOKS, LEAST_LIVE, LEAST_FACE_PX = 0.35, 0.02, 2, 0.5, 40.0


def device(what: str, marked: Marked, parts: Mapping[str, Marked], around: Surroundings) -> Device:
    """Return where a light or a lock listens.

    Args:
        what: `light` or `lock`.
        marked: all that is written of it.
        parts: the same by its keys, of which exactly one must name a preset.
        around: the home.
    """
    given = [preset for preset in PRESETS if preset in parts]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        marked.refuse(f"a {what} by exactly one of {', '.join(PRESETS)}", found)
    preset = given[0]
    address = _address(what, preset, parts[preset])
    if preset == "topic":
        fence = Fence(around.topics.prefix, around.discovery_prefix)
        why_not = fence.why_not(address)
        if why_not:
            parts[preset].refuse(f"the topic that the {what} obeys", why_not)
    return Device(preset, address)


def _address(what: str, preset: Preset, marked: Marked) -> str:
    if preset == "home_assistant":
        expected = f"an entity of Home Assistant, as in {what}.front"
        address = marked.text(expected, ENTITY)
        if not address.startswith(f"{what}."):
            marked.refuse(expected)
        return address
    expected, pattern = ADDRESSES[preset]
    address = marked.text(expected, pattern)
    if not is_topic(address):
        marked.refuse(expected)
    return address


def read_locks(marked: Marked | None, around: Surroundings) -> dict[str, Lock]:
    """Return the locks by their names."""
    found: dict[str, Lock] = {}
    for key, value in marked.mapping("locks by their names", most=LOCKS_LIMIT).values() if marked else ():
        title = name(key)
        if title == "zone":
            # Its topics would look like those of the zones of a camera called `lock`.
            key.refuse("another name of a lock")
        parts = value.fields("a lock", (), (*PRESETS, "unlock"))
        where = device("lock", value, parts, around)
        if where.preset == "shelly" and not shelly_parts(where.address)[1].startswith("switch:"):
            parts["shelly"].refuse("a switch of the Shelly, as a lock")
        if any(_same(where, Device(lock.preset, lock.address)) for lock in found.values()):
            value.refuse("another device for each lock", "the same again")
        unlocking = _unlocking(parts["unlock"], around) if "unlock" in parts else None
        found[title] = Lock(title, where.preset, where.address, unlocking)
    return found


def _same(first: Device, second: Device) -> bool:
    if first.preset == second.preset == "shelly":
        return shelly_parts(first.address) == shelly_parts(second.address)
    return first == second


def _unlocking(marked: Marked, around: Surroundings) -> Unlocking:
    parts = marked.fields("for whom a lock may open", ("people", "cameras"), UNLOCK[2:])
    plain = Unlocking((), ())

    def number(key: str, low: float, high: float, default: float) -> float:
        return parts[key].number(f"a number from {low:g} to {high:g}", low, high) if key in parts else default

    return Unlocking(
        people=people(parts["people"], person),
        cameras=one_or_many(parts["cameras"], "cameras", lambda each: camera(each, around)),
        evidence=Evidence(
            similarity=number("similarity", LEAST_SIMILARITY, 1, plain.evidence.similarity),
            margin=number("margin", LEAST_MARGIN, 1, plain.evidence.margin),
            of_looks=_of_looks(parts["of_looks"]) if "of_looks" in parts else plain.evidence.of_looks,
            live_score=number("live_score", LEAST_LIVE, 1, plain.evidence.live_score),
            face_px=number("face_px", LEAST_FACE_PX, 2000, plain.evidence.face_px),
        ),
        second_factor=choice(_factor(parts["second_factor"]), FACTORS)
        if "second_factor" in parts
        else plain.second_factor,
        cooldown_s=number("cooldown_s", 1, 86_400, plain.cooldown_s),
        failures=whole(parts["failures"], "a whole number from 1 to 100", 1, 100)
        if "failures" in parts
        else plain.failures,
        failures_within_s=number("failures_within_s", 1, 86_400, plain.failures_within_s),
        lockout_s=number("lockout_s", 10, 86_400, plain.lockout_s),
    )


def _factor(marked: Marked) -> Marked:
    # Somebody may have written the PIN itself.
    return marked.hide() if any(each.isdigit() for each in str(marked.node.value)) else marked


def _of_looks(marked: Marked) -> tuple[int, int]:
    expected = "[so many, of so many looks], whole numbers from 2 to 30"
    few, many = (
        whole(each, "a whole number from 2 to 30", LEAST_LOOKS, 30) for each in marked.items(expected, least=2, most=2)
    )
    if few > many:
        marked.refuse("so many of at least as many looks, as in [4, 5]", f"{few} of {many}")
    return few, many


def camera(marked: Marked, around: Surroundings) -> str:
    """Return a camera's name; where `cameras.yaml` names some, one of them."""
    found = marked.text(f"a camera's name, {A_CAMERA_NAME}", FREE_NAME)
    if around.layouts and found not in around.layouts:
        marked.refuse(f"a camera of cameras.yaml ({', '.join(around.layouts)})")
    return found
