"""What tests of what a home is told share: a node, its topics, and what is read of a publication."""

import json
from typing import Any

from hypothesis import strategies as st
from iot_bridge.discovery import Known, Node, device_publication
from iot_bridge.topics import Publication, Topics

TOPICS = Topics("facewire", "door-pi")
NODE = Node(TOPICS, "Door", "homeassistant")
OF_CAMERA = {
    *(f"door_{leaf}" for leaf in ("presence", "count", "last_face", "event", "snapshot", "still", "status")),
    *(f"door_{leaf}" for leaf in ("detect_every", "detection", "privacy")),
    *(f"door.on.{kind}" for kind in ("appeared", "identified", "unknown", "left")),
}
OF_NODE = {
    *("recognition", "detect_interval", "backend_choice", "backend", "problem", "update"),
    *("fps", "latency", "temperature", "memory", "dropped"),
}


def fields(publication: Publication) -> dict[str, Any]:
    return dict(json.loads(publication.payload))


def known(*cameras: str, **more: Any) -> Known:
    return Known(frozenset(cameras), **more)


def described(node: Node, *names: str) -> dict[str, Any]:
    return fields(device_publication(node, known(*names)))


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
