"""Tell Home Assistant what there is: one retained device message a node.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload: abbreviated keys; `cmps` holds the
entities; an entity is removed by naming its platform alone once, the device by an empty message.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_args

from facewire.messages import FaceEvent
from iot_bridge.payloads import packed
from iot_bridge.topics import Publication, Topics

EVENT_TYPES = list(get_args(FaceEvent.__annotations__["type"]))


@dataclass(frozen=True, slots=True)
class Node:
    """Who this bridge speaks for."""

    topics: Topics
    name: str
    discovery_prefix: str

    @property
    def config_topic(self) -> str:
        """Where Home Assistant looks for this device."""
        return f"{self.discovery_prefix}/device/{self.object_id}/config"

    @property
    def birth_topic(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery_prefix}/status"

    @property
    def object_id(self) -> str:
        """Name the device among all of Home Assistant's."""
        # Home Assistant ignores the topic of a device whose name holds anything else.
        return re.sub(r"[^a-zA-Z0-9_-]", "_", f"{self.topics.prefix}_{self.topics.node}")


def device_publication(node: Node, cameras: Iterable[str], removed: Iterable[str] = ()) -> Publication:
    """Describe the node with its cameras.

    Args:
        node: who speaks.
        cameras: the cameras there are.
        removed: cameras whose entities Home Assistant shall forget.
    """
    components: dict[str, Any] = {}
    for camera in sorted(removed):
        components |= {key: {"p": entity["p"]} for key, entity in _camera(node, camera).items()}
    for camera in sorted(cameras):
        components |= _camera(node, camera)
    fields = {
        "dev": {"ids": [node.object_id], "name": node.name, "mf": "facewire", "mdl": "facewire", "sw": _version()},
        "o": {"name": "facewire", "sw": _version()},
        "cmps": components | _diagnostics(node),
        "avty": [{"t": node.topics.availability}],
        "avty_mode": "all",
        "qos": 1,
    }
    return Publication(node.config_topic, packed(fields), retain=True)


def _camera(node: Node, camera: str) -> dict[str, Any]:
    topics = node.topics
    both = [{"t": topics.availability}, {"t": topics.of(camera, "availability")}]
    entities: dict[str, dict[str, Any]] = {
        "presence": {
            "p": "binary_sensor",
            "name": f"{camera} presence",
            "dev_cla": "occupancy",
            "stat_t": topics.of(camera, "presence"),
        },
        "count": {
            "p": "sensor",
            "name": f"{camera} faces",
            "stat_t": topics.of(camera, "count"),
            "stat_cla": "measurement",
            "unit_of_meas": "faces",
            "ic": "mdi:face-recognition",
        },
        "event": {
            "p": "event",
            "name": f"{camera} event",
            "stat_t": topics.of(camera, "event"),
            "evt_typ": EVENT_TYPES,
        },
        "snapshot": {
            "p": "image",
            "name": f"{camera} snapshot",
            "img_t": topics.of(camera, "snapshot"),
            "cont_type": "image/jpeg",
        },
    }
    return {
        f"{camera}_{leaf}": _identified(node, f"{camera}_{leaf}", entity | {"avty": both, "avty_mode": "all"})
        for leaf, entity in entities.items()
    }


def _diagnostics(node: Node) -> dict[str, Any]:
    def figure(name: str, service: str, key: str, unit: str) -> dict[str, Any]:
        return {
            "p": "sensor",
            "name": name,
            "stat_t": node.topics.health,
            "val_tpl": f"{{{{ (value_json.services.get('{service}') or {{}}).get('{key}') }}}}",
            "unit_of_meas": unit,
            "stat_cla": "measurement",
            "ent_cat": "diagnostic",
        }

    detector = "(value_json.services.get('detector') or {})"
    entities = {
        "fps": figure("Frames a second", "tracker", "fps", "fps"),
        "latency": figure("Latency", "tracker", "latency_p95_ms", "ms"),
        "backend": {
            "p": "sensor",
            "name": "Detection backend",
            "stat_t": node.topics.health,
            # The first word names it, what follows says why; a state may have 255 characters, attributes any number.
            "val_tpl": f"{{{{ ({detector}.get('backend') or '').split(' ')[0].rstrip(',') }}}}",
            "json_attr_t": node.topics.health,
            "json_attr_tpl": f"{{{{ {detector} | tojson }}}}",
            "ent_cat": "diagnostic",
        },
        "problem": {
            "p": "binary_sensor",
            "name": "Problem",
            "dev_cla": "problem",
            "stat_t": node.topics.health,
            "val_tpl": "{{ 'OFF' if value_json.healthy else 'ON' }}",
            "ent_cat": "diagnostic",
        },
    }
    return {key: _identified(node, key, entity) for key, entity in entities.items()}


def _identified(node: Node, key: str, entity: dict[str, Any]) -> dict[str, Any]:
    # No name holds a dot: else node `a_b` with camera `c`, and node `a` with camera `b_c`, would be one.
    names = {
        "unique_id": f"{node.object_id}.{key}",
        "default_entity_id": f"{entity['p']}.{node.object_id}_{key}".replace("-", "_"),
    }
    return entity | names


def _version() -> str:
    try:
        return version("facewire")
    except PackageNotFoundError:
        return "0.1.0"
