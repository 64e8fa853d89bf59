"""Describe the people who were recognised."""

from iot_bridge.discovery.node import Components, Node, named


def person_components(node: Node, key: str, name: str) -> Components:
    """Describe one person.

    Args:
        node: who speaks.
        key: `people.key_of` the name.
        name: as the recognizer says it.
    """
    topic = node.topics.person(key)
    entity = {
        "p": "binary_sensor",
        "name": f"{name} presence",
        "dev_cla": "occupancy",
        "stat_t": topic,
        "val_tpl": "{{ value_json.presence }}",
        "json_attr_t": topic,
        "ic": "mdi:account",
    }
    full = f"person.{key}"
    slug, _, _ = key.rpartition("-")
    return {full: named(node, full, entity, f"person_{slug}")}
