"""Who speaks, and how what it speaks of is named."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iot_bridge.topics import Topics

Component = dict[str, Any]
Components = dict[str, Component]
"""By a key that no other component of the device has."""


@dataclass(frozen=True, slots=True)
class Node:
    """Who this bridge speaks for.

    Args:
        topics: names of topics.
        name: for people.
        discovery_prefix: as set in Home Assistant.
        zones: the zones of each camera that has some.
        detect_every_max: the most frames per detection that the home may ask for.
        stills: whether there are live pictures.
        parts: describe what other parts of the bridge add to the device.
    """

    topics: Topics
    name: str
    discovery_prefix: str
    zones: Mapping[str, Sequence[str]] = field(default_factory=dict)
    detect_every_max: int = 15
    stills: bool = True
    parts: "Sequence[Callable[[Node], Components]]" = ()

    @property
    def config_topic(self) -> str:
        """Where Home Assistant looks for this device."""
        return f"{self.discovery_prefix}/device/{self.object_id}/config"

    @property
    def any_entity_config(self) -> str:
        """Match where single entities of this device are described."""
        return f"{self.discovery_prefix}/+/{self.object_id}/+/config"

    @property
    def birth_topic(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery_prefix}/status"

    @property
    def object_id(self) -> str:
        """Name the device among all of Home Assistant's."""
        # Home Assistant ignores the topic of a device whose name holds anything else.
        return re.sub(r"[^a-zA-Z0-9_-]", "_", f"{self.topics.prefix}_{self.topics.node}")


def named(node: Node, key: str, component: Component, entity_name: str = "") -> Component:
    """Return a component with the names that no other of any node has.

    Args:
        node: whose it is.
        key: of the component.
        component: what it is.
        entity_name: what its entity is called after the node's; the key if not given.
    """
    # No name holds a dot: else node `a_b` with camera `c`, and node `a` with camera `b_c`, would be one.
    slug = re.sub(r"[^a-z0-9_]", "_", f"{node.object_id}_{entity_name or key}".lower())
    names = {"unique_id": f"{node.object_id}.{key}", "default_entity_id": f"{component['p']}.{slug}"}
    return component | names


def of_camera(node: Node, camera: str, key: str, component: Component) -> Component:
    """Return a named component that is unavailable while its camera or the node is."""
    both = [{"t": node.topics.availability}, {"t": node.topics.of(camera, "availability")}]
    return named(node, key, component | {"avty": both, "avty_mode": "all"})
