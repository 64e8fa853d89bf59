"""Say which topics no rule may publish to: what the bridge says itself, and what a lock obeys.

Locks open by their own policy alone. A message to a lock's command topic would be a way around it, so a topic that
names the device of a lock and commands it is refused, whatever stands before: each preset has several topics that
command one device, and most let their owner move them below another prefix.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from iot_bridge.locks.model import Lock
from iot_bridge.rules.model import Device

LONGEST = 256
# What is no text, a filter's wildcards, and levels without a name.
PLAIN_TOPIC = re.compile(r"[^\x00-\x1f\x7f+#/]+(/[^\x00-\x1f\x7f+#/]+)*")
A_TOPIC = "a topic without +, # and empty levels, not beginning with $, up to 256 long"
# The first relay of a Shelly, where none is named.
SHELLY_RELAY = "switch:0"
# A level that is in each topic which commands a device, and in none that only tells of it.
COMMANDING = {"zigbee2mqtt": {"set"}, "tasmota": {"cmnd"}, "shelly": {"rpc", "command"}}
# Answered by every device of its kind at once.
# https://tasmota.github.io/docs/MQTT/, https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html
SHARED = {"tasmota": ("tasmotas", "sonoffs"), "zigbee2mqtt": ("bridge/request",)}


def is_topic(text: str) -> bool:
    """Say whether a message can be published to a topic of this name, and by us."""
    return len(text) <= LONGEST and not text.startswith("$") and PLAIN_TOPIC.fullmatch(text) is not None


def shelly_parts(address: str) -> tuple[str, str]:
    """Return a Shelly's topic prefix, and which of its relays or lights is meant."""
    device, _, part = address.rpartition("/")
    return (device, part) if device and ":" in part else (address, SHELLY_RELAY)


@dataclass(frozen=True, slots=True)
class Fence:
    """What is forbidden in one home."""

    topic_prefix: str
    discovery_prefix: str
    locks: tuple[Lock, ...] = ()

    def why_not(self, topic: str) -> str:
        """Return why a rule may not publish to a topic; "" if it may."""
        if topic == self.topic_prefix or topic.startswith(f"{self.topic_prefix}/"):
            return "a topic of the bridge itself"
        below = topic.removeprefix(f"{self.discovery_prefix}/")
        if below != topic and (below == "status" or below.endswith("/config")):
            return "a topic of Home Assistant's discovery"
        for lock in self.locks:
            if _commands(topic, lock):
                return f"a topic that the lock {lock.name} obeys, which opens by `unlock` alone"
        return ""

    def why_no_light(self, device: Device, topics: Iterable[str]) -> str:
        """Return why a device may not be a light; "" if it may.

        Args:
            device: what is called a light.
            topics: what it obeys.
        """
        locks = [lock for lock in self.locks if lock.preset == device.preset]
        if device.preset == "shelly":
            # The relays of one device share a topic: one may open a door while the other is a light.
            prefix, part = shelly_parts(device.address)
            for lock in locks:
                lock_prefix, lock_part = shelly_parts(lock.address)
                if (prefix, _number(part)) == (lock_prefix, _number(lock_part)):
                    return f"the device of the lock {lock.name}"
            fence = Fence(self.topic_prefix, self.discovery_prefix, tuple(set(self.locks) - set(locks)))
            return _first(fence.why_not(topic) for topic in topics)
        if device.preset == "home_assistant":
            return ""
        return _first(self.why_not(topic) for topic in topics)


def _first(reasons: Iterable[str]) -> str:
    return next(filter(None, reasons), "")


def _number(part: str) -> str:
    return part.rpartition(":")[2]


def _commands(topic: str, lock: Lock) -> bool:
    levels = topic.casefold().split("/")
    shared = (each.split("/") for each in SHARED.get(lock.preset, ()))
    named = any(_holds(levels, [level.casefold() for level in each]) for each in (_device_levels(lock), *shared))
    wanted = COMMANDING.get(lock.preset, set())
    return named and (not wanted or not wanted.isdisjoint(levels) or "request" in levels)


def _device_levels(lock: Lock) -> list[str]:
    if lock.preset == "shelly":
        return shelly_parts(lock.address)[0].split("/")
    levels = lock.address.split("/")
    # https://esphome.io/components/mqtt/: prefix/component/name/command
    return [*levels[:-1], "lock", levels[-1]] if lock.preset == "esphome" else levels


def _holds(levels: list[str], part: list[str]) -> bool:
    return any(levels[start : start + len(part)] == part for start in range(len(levels)))
