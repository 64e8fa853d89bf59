"""Describe what can be switched; the state of each is what the store holds, never what was asked for."""

from collections.abc import Sequence

from iot_bridge.discovery.node import Component, Components, Node, named
from iot_bridge.switches import AS_IT_IS, BACKEND, DETECT_EVERY, DETECTION, PRIVACY, RECOGNITION


def camera_controls(node: Node, camera: str) -> Components:
    """Describe the switches of a camera; privacy can be switched off again though the camera shows nothing."""
    switches = {DETECTION: "mdi:face-recognition", PRIVACY: "mdi:eye-off"}
    return {
        f"{camera}_{leaf}": named(
            node, f"{camera}_{leaf}", _switch(f"{camera} {leaf}", node.topics.of(camera, leaf), icon)
        )
        for leaf, icon in switches.items()
    }


def node_controls(node: Node, backends: Sequence[str]) -> Components:
    """Describe what is switched for the whole node.

    Args:
        node: who speaks.
        backends: those that can be used here.
    """
    topics = node.topics
    every: Component = {
        "p": "number",
        "name": "Detect interval",
        **_config(topics.control(DETECT_EVERY)),
        "min": 0,
        "max": node.detect_every_max,
        "step": 1,
        "mode": "box",
        "unit_of_meas": "frames",
        "ic": "mdi:timer-outline",
    }
    backend: Component = {
        "p": "select",
        "name": "Backend",
        **_config(topics.control(BACKEND)),
        "ops": [AS_IT_IS, *backends],
        "ic": "mdi:chip",
    }
    entities = {
        RECOGNITION: _switch("Recognition", topics.control(RECOGNITION), "mdi:account-search"),
        "detect_interval": every,
        "backend_choice": backend,
    }
    return {key: named(node, key, entity) for key, entity in entities.items()}


def _switch(name: str, topic: str, icon: str) -> Component:
    return {"p": "switch", "name": name, **_config(topic), "ic": icon}


def _config(topic: str) -> Component:
    return {"stat_t": topic, "cmd_t": f"{topic}/set", "ent_cat": "config"}
