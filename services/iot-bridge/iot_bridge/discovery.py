"""Tell Home Assistant what there is: one retained device message a node.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload: abbreviated keys; `cmps` holds the
entities; an entity is removed by naming its platform alone once, the device by an empty message.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    zones: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The zones of each camera that has some."""

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


def device_publication(
    node: Node, cameras: Iterable[str], removed: Iterable[str] = (), removed_zones: Iterable[tuple[str, str]] = ()
) -> Publication:
    """Describe the node with its cameras.

    Args:
        node: who speaks.
        cameras: the cameras there are.
        removed: cameras whose entities Home Assistant shall forget.
        removed_zones: the same, of single zones; each with its camera.
    """
    components: dict[str, Any] = {}
    for camera, zone in sorted(removed_zones):
        components |= {key: {"p": entity["p"]} for key, entity in _zone(node, camera, zone).items()}
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
    described = {f"{camera}_{leaf}": entity for leaf, entity in entities.items()}
    found = {key: _of_camera(node, camera, key, entity) for key, entity in described.items()}
    for zone in node.zones.get(camera, ()):
        found |= _zone(node, camera, zone)
    # The detector's, not the camera's: available as the node is.
    cadence = f"{camera}_detect_every"
    return found | {cadence: _identified(node, cadence, _cadence(node, camera))}


def _zone(node: Node, camera: str, zone: str) -> dict[str, Any]:
    state = {"stat_t": node.topics.zone(camera, zone)}
    entities: dict[str, dict[str, Any]] = {
        "occupancy": {
            "p": "binary_sensor",
            "name": f"{camera} {zone} occupancy",
            "dev_cla": "occupancy",
            "val_tpl": "{{ value_json.occupancy }}",
        },
        "count": {
            "p": "sensor",
            "name": f"{camera} {zone} faces",
            "val_tpl": "{{ value_json.count }}",
            "stat_cla": "measurement",
            "unit_of_meas": "faces",
            "ic": "mdi:face-recognition",
        },
    }
    # With dots: no name holds one, so that zone `b_c` of camera `a` is not zone `c` of camera `a_b`.
    described = {f"{camera}.{zone}.{leaf}": entity | state for leaf, entity in entities.items()}
    return {key: _of_camera(node, camera, key, entity) for key, entity in described.items()}


def _of_camera(node: Node, camera: str, key: str, entity: dict[str, Any]) -> dict[str, Any]:
    both = [{"t": node.topics.availability}, {"t": node.topics.of(camera, "availability")}]
    return _identified(node, key, entity | {"avty": both, "avty_mode": "all"})


def _cadence(node: Node, camera: str) -> dict[str, Any]:
    note = f"((value_json.services.get('detector') or {{}}).get('detect_every {camera}', 'None'))"
    return {
        "p": "sensor",
        "name": f"{camera} detect interval",
        "stat_t": node.topics.health,
        # "5 frames, moving face": frames per detection, and why.
        "val_tpl": f"{{{{ {note}.split(' ')[0] }}}}",
        "json_attr_t": node.topics.health,
        "json_attr_tpl": f"{{{{ {{'reason': {note}.split(', ')[-1]}} | tojson }}}}",
        "unit_of_meas": "frames",
        "ent_cat": "diagnostic",
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
        "default_entity_id": f"{entity['p']}." + re.sub(r"[-.]", "_", f"{node.object_id}_{key}"),
    }
    return entity | names


def _version() -> str:
    try:
        return version("facewire")
    except PackageNotFoundError:
        return "0.1.0"
