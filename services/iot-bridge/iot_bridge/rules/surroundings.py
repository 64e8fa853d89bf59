"""What rules are checked against: what else there is in this home, and what the bridge keeps for itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from facewire.shapes import Layout
from iot_bridge.topics import Topics


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known before `rules.yaml` is read.

    Args:
        topics: the bridge's own topics.
        discovery_prefix: where Home Assistant looks for devices.
        layouts: what `cameras.yaml` marks in each camera's picture; empty where it marks nothing.
        secret: returns the value of an environment variable, None where there is none.
    """

    topics: Topics
    discovery_prefix: str = "homeassistant"
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    secret: Callable[[str], str | None] = lambda _name: None
