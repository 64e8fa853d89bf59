"""Describe a camera and its zones: who is there, what happened, what it looks like, and what starts an automation."""

from typing import get_args

from facewire.messages import FaceEvent
from iot_bridge.discovery.node import Component, Components, Node, named, of_camera
from iot_bridge.presence import STATUSES

EVENT_TYPES = list(get_args(FaceEvent.__annotations__["type"]))
TRIGGERS = ("appeared", "identified", "unknown", "left")
FACES: Component = {"stat_cla": "measurement", "unit_of_meas": "faces", "ic": "mdi:face-recognition"}


def camera_components(node: Node, camera: str) -> Components:
    """Describe all of a camera."""
    found = {}
    for leaf, entity in (_states(node, camera) | _pictures(node, camera)).items():
        key = f"{camera}_{leaf}"
        found[key] = of_camera(node, camera, key, entity)
    for zone in node.zones.get(camera, ()):
        found |= zone_components(node, camera, zone)
    # These are true of a camera that is silent, too.
    for leaf, entity in {"status": _status(node, camera), "detect_every": _cadence(node, camera)}.items():
        key = f"{camera}_{leaf}"
        found[key] = named(node, key, entity)
    return found | _triggers(node, camera)


def _states(node: Node, camera: str) -> Components:
    topics = node.topics
    return {
        "presence": {
            "p": "binary_sensor",
            "name": f"{camera} presence",
            "dev_cla": "occupancy",
            "stat_t": topics.of(camera, "presence"),
        },
        "count": {"p": "sensor", "name": f"{camera} faces", "stat_t": topics.of(camera, "count"), **FACES},
        "last_face": {
            "p": "sensor",
            "name": f"{camera} last face",
            "stat_t": topics.of(camera, "last_face"),
            "val_tpl": "{{ value_json.name }}",
            "json_attr_t": topics.of(camera, "last_face"),
            "ic": "mdi:account-question",
        },
        "event": {
            "p": "event",
            "name": f"{camera} event",
            "stat_t": topics.of(camera, "event"),
            "evt_typ": EVENT_TYPES,
        },
    }


def _pictures(node: Node, camera: str) -> Components:
    topics = node.topics
    snapshot: Component = {
        "p": "image",
        "name": f"{camera} snapshot",
        "img_t": topics.of(camera, "snapshot"),
        "cont_type": "image/jpeg",
    }
    still: Component = {"p": "camera", "name": camera, "t": topics.of(camera, "still")}
    return {"snapshot": snapshot} | ({"still": still} if node.stills else {})


def _status(node: Node, camera: str) -> Component:
    return {
        "p": "sensor",
        "name": f"{camera} status",
        "stat_t": node.topics.of(camera, "status"),
        "dev_cla": "enum",
        "ops": list(STATUSES),
        "ent_cat": "diagnostic",
    }


def _cadence(node: Node, camera: str) -> Component:
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


def _triggers(node: Node, camera: str) -> Components:
    # With a dot, as zones: no name of a camera holds one.
    return {
        f"{camera}.on.{kind}": {
            "p": "device_automation",
            "atype": "trigger",
            "t": node.topics.of(camera, "event"),
            "val_tpl": "{{ value_json.event_type }}",
            "pl": kind,
            "type": kind,
            "stype": camera,
        }
        for kind in TRIGGERS
    }


def zone_components(node: Node, camera: str, zone: str) -> Components:
    """Describe a zone of a camera."""
    state = {"stat_t": node.topics.zone(camera, zone)}
    entities: Components = {
        "occupancy": {
            "p": "binary_sensor",
            "name": f"{camera} {zone} occupancy",
            "dev_cla": "occupancy",
            "val_tpl": "{{ value_json.occupancy }}",
        },
        "count": {"p": "sensor", "name": f"{camera} {zone} faces", "val_tpl": "{{ value_json.count }}", **FACES},
    }
    # With dots: no name holds one, so that zone `b_c` of camera `a` is not zone `c` of camera `a_b`.
    described = {f"{camera}.{zone}.{leaf}": entity | state for leaf, entity in entities.items()}
    return {key: of_camera(node, camera, key, entity) for key, entity in described.items()}
