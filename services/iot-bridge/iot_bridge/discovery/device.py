"""Put the device message together from its parts."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iot_bridge.discovery.cameras import camera_components
from iot_bridge.discovery.controls import camera_controls, node_controls
from iot_bridge.discovery.diagnostics import diagnostics
from iot_bridge.discovery.node import Components, Node
from iot_bridge.discovery.people import person_components
from iot_bridge.payloads import packed
from iot_bridge.topics import Publication
from iot_bridge.version import installed

MOST_COMPONENTS = 5000
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
PLATFORMS = frozenset(
    {
        *("binary_sensor", "button", "camera", "device_automation", "event", "image", "lock"),
        *("number", "select", "sensor", "switch", "text", "update"),
    }
)
"""Those that some release has described."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is now, beside what the settings say.

    Args:
        cameras: their names.
        people: names by key.
        backends: those that can be used here.
    """

    cameras: frozenset[str] = frozenset()
    people: Mapping[str, str] = field(default_factory=dict)
    backends: tuple[str, ...] = ()


def components(node: Node, known: Known) -> Components:
    """Describe all entities and triggers."""
    found: Components = {}
    for camera in sorted(known.cameras):
        found |= camera_components(node, camera) | camera_controls(node, camera)
    for key, name in sorted(known.people.items()):
        found |= person_components(node, key, name)
    for part in node.parts:
        found |= part(node)
    return found | node_controls(node, known.backends) | diagnostics(node)


def gone(platforms: Mapping[str, str], now: Components) -> Components:
    """Return what makes Home Assistant forget the components that are no more.

    Args:
        platforms: the platform of each that was described, by key.
        now: what there is.
    """
    return {key: {"p": name} for key, name in platforms.items() if now.get(key, {}).get("p") != name}


def device_publication(node: Node, known: Known, farewell: Components | None = None) -> Publication:
    """Describe the node with all that belongs to it.

    Args:
        node: who speaks.
        known: what there is.
        farewell: components that Home Assistant shall forget.
    """
    fields = {**device_fields(node), "cmps": components(node, known) | (farewell or {}), **common_fields(node)}
    return Publication(node.config_topic, packed(fields), retain=True)


def farewell_publication(node: Node, farewell: Components) -> Publication:
    """Make Home Assistant forget components of a device that is described no more."""
    fields = {**device_fields(node), "cmps": farewell, **common_fields(node)}
    return Publication(node.config_topic, packed(fields))


def device_fields(node: Node) -> dict[str, Any]:
    """Return the device and the origin of a description."""
    version = installed()
    return {
        "dev": {"ids": [node.object_id], "name": node.name, "mf": "facewire", "mdl": "facewire", "sw": version},
        "o": {"name": "facewire", "sw": version},
    }


def common_fields(node: Node) -> dict[str, Any]:
    """Return the settings that entities share unless they have their own."""
    return {"avty": [{"t": node.topics.availability}], "avty_mode": "all", "qos": 1}


def _is_ours(key: str, platform: object) -> bool:
    return KEY.fullmatch(key) is not None and isinstance(platform, str) and platform in PLATFORMS


def former_platforms(payload: bytes) -> dict[str, str]:
    """Return the platform of each component that a device message describes; none if it is no such message."""
    try:
        message: Any = json.loads(payload)
        described = message["cmps"].items()
        if len(described) > MOST_COMPONENTS:
            return {}
        # Whatever has nothing but its platform is removed already. Home Assistant takes no message that holds a
        # platform which it does not know.
        return {key: each["p"] for key, each in described if len(each) > 1 and _is_ours(key, each["p"])}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
