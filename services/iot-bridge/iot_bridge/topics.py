"""Name every topic of one node: `facewire/<node>/...` (the tree is in the README)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Publication:
    """One MQTT message to send."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one node."""

    prefix: str
    node: str

    @property
    def availability(self) -> str:
        """`online` or `offline`: the node; its last will is `offline`."""
        return f"{self.prefix}/{self.node}/availability"

    @property
    def health(self) -> str:
        """How every service fares, as JSON."""
        return f"{self.prefix}/{self.node}/health"

    @property
    def any_camera_availability(self) -> str:
        """Match the availability of every camera of this node."""
        return self.of("+", "availability")

    @property
    def any_zone(self) -> str:
        """Match the state of every zone of every camera of this node."""
        return self.zone("+", "+")

    def command(self, entity: str) -> str:
        """Name where Home Assistant is told what one of its own entities shall do, by an automation."""
        return f"{self.prefix}/{self.node}/command/{entity}"

    def of(self, camera: str, leaf: str) -> str:
        """Name a topic of one camera."""
        return f"{self.prefix}/{self.node}/{camera}/{leaf}"

    def zone(self, camera: str, zone: str) -> str:
        """Name the state of a zone."""
        return self.of(camera, zone_leaf(zone))

    def zone_of(self, topic: str) -> tuple[str, str] | None:
        """Return the camera and the zone of a topic that `zone` named; None for any other topic."""
        _, _, below = topic.partition(f"{self.prefix}/{self.node}/")
        match below.split("/"):
            case [camera, "zone", zone]:
                return camera, zone
        return None

    @staticmethod
    def camera(topic: str) -> str:
        """Return the camera of a topic that `of` named."""
        return topic.split("/")[-2]


def zone_leaf(zone: str) -> str:
    """Name a zone's state below its camera."""
    return f"zone/{zone}"
