"""Describe how the node fares."""

from iot_bridge.discovery.node import Component, Components, Node, named


def diagnostics(node: Node) -> Components:
    """Describe the sensors that read the node's health, and what version there is."""
    entities = _figures(node) | {
        "backend": _backend(node),
        "problem": {
            "p": "binary_sensor",
            "name": "Problem",
            "dev_cla": "problem",
            "stat_t": node.topics.health,
            "val_tpl": "{{ 'OFF' if value_json.healthy else 'ON' }}",
        },
        "update": _update(node),
    }
    return {key: named(node, key, entity | {"ent_cat": "diagnostic"}) for key, entity in entities.items()}


def _figures(node: Node) -> Components:
    def figure(name: str, path: str, unit: str, **more: str) -> Component:
        return {
            "p": "sensor",
            "name": name,
            "stat_t": node.topics.health,
            "val_tpl": f"{{{{ {path} }}}}",
            "unit_of_meas": unit,
            "stat_cla": "measurement",
            **more,
        }

    tracker = "(value_json.services.get('tracker') or {})"
    return {
        "fps": figure("Frames a second", f"{tracker}.get('fps')", "fps"),
        "latency": figure("Latency", f"{tracker}.get('latency_p95_ms')", "ms"),
        "temperature": figure("Temperature", "value_json.temperature_c", "°C", dev_cla="temperature"),
        "memory": figure("Memory", "value_json.memory_mb", "MB", dev_cla="data_size"),
        "dropped": figure("Dropped", "value_json.dropped", "items", stat_cla="total_increasing"),
    }


def _backend(node: Node) -> Component:
    detector = "(value_json.services.get('detector') or {})"
    return {
        "p": "sensor",
        "name": "Detection backend",
        "stat_t": node.topics.health,
        # The first word names it, what follows says why; a state may have 255 characters, attributes any number.
        "val_tpl": f"{{{{ ({detector}.get('backend') or '').split(' ')[0].rstrip(',') }}}}",
        "json_attr_t": node.topics.health,
        "json_attr_tpl": f"{{{{ {detector} | tojson }}}}",
    }


def _update(node: Node) -> Component:
    # Nobody here asks the internet what the latest version is: whoever knows tells it to all nodes at once.
    return {
        "p": "update",
        "name": "Version",
        "title": "facewire",
        "stat_t": node.topics.health,
        "val_tpl": "{{ {'installed_version': value_json.version} | tojson }}",
        "latest_version_topic": node.topics.latest_version,
    }
