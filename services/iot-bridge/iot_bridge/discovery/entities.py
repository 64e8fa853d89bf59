"""Describe each entity in a message of its own, for brokers that take no message as large as the whole device's.

https://www.home-assistant.io/integrations/mqtt/#single-component-discovery-payload: what a device message says once
for all, each of these says; an empty message removes its entity.
"""

import re
from hashlib import sha256
from typing import Any

from iot_bridge.discovery.device import Known, common_fields, components, device_fields
from iot_bridge.discovery.node import Component, Node
from iot_bridge.payloads import packed
from iot_bridge.topics import Publication

MIGRATE = b'{"migrate_discovery":true}'
"""Makes Home Assistant let go of an entity and keep its settings, for the message of the other kind that follows."""


def entity_topic(node: Node, platform: str, key: str) -> str:
    """Return where Home Assistant looks for one entity or trigger."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", key)
    if name != key:
        name += f"-{sha256(key.encode()).hexdigest()[:8]}"
    return f"{node.discovery_prefix}/{platform}/{node.object_id}/{name}/config"


def entity_publications(node: Node, known: Known) -> dict[str, Publication]:
    """Return the messages that describe all entities and triggers, by topic."""
    shared = {**device_fields(node), **common_fields(node)}
    found = {}
    for key, component in components(node, known).items():
        topic = entity_topic(node, component["p"], key)
        fields: dict[str, Any] = {**shared, **_without_platform(component)}
        found[topic] = Publication(topic, packed(fields), retain=True)
    return found


def _without_platform(component: Component) -> Component:
    return {name: value for name, value in component.items() if name != "p"}
