"""Name every topic of one node: `facewire/<node>/...` (the tree is in the README)."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Publication:
    """One MQTT message to send.

    Args:
        topic: the topic.
        payload: the payload.
        retain: whether the broker keeps it for later subscribers.
        shrink: returns a payload of at most so many bytes; None if there is none. Without it a message above the
            broker's limit is dropped.
    """

    topic: str
    payload: bytes
    retain: bool = False
    shrink: Callable[[int], bytes | None] | None = field(default=None, compare=False, repr=False)


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
    def latest_version(self) -> str:
        """Where whoever knows tells all nodes of this prefix what the latest version is."""
        return f"{self.prefix}/latest_version"

    @property
    def any_command(self) -> tuple[str, str]:
        """Match every command: to the node, and to a camera."""
        return self.of("+", "set"), self.of("+", "+/set")

    @property
    def any_person(self) -> str:
        """Match the state of every person."""
        return self.person("+")

    @property
    def any_last_face(self) -> str:
        """Match the last face of every camera of this node."""
        return self.of("+", "last_face")

    @property
    def any_camera_availability(self) -> str:
        """Match the availability of every camera of this node."""
        return self.of("+", "availability")

    @property
    def any_zone(self) -> str:
        """Match the state of every zone of every camera of this node."""
        return self.zone("+", "+")

    @property
    def said(self) -> str:
        """What is said aloud, as JSON; the sound follows as `wav`."""
        return self.of("speech", "said")

    @property
    def wav(self) -> str:
        """What is said aloud, as a WAV file."""
        return self.of("speech", "wav")

    def command(self, entity: str) -> str:
        """Name where Home Assistant is told what one of its own entities shall do, by an automation."""
        return f"{self.prefix}/{self.node}/command/{entity}"

    def of(self, camera: str, leaf: str) -> str:
        """Name a topic of one camera."""
        return f"{self.prefix}/{self.node}/{camera}/{leaf}"

    def control(self, name: str) -> str:
        """Name the state of something that is switched for the whole node; commands go to `set` below it."""
        return f"{self.prefix}/{self.node}/{name}"

    def person(self, key: str) -> str:
        """Name the state of a person."""
        return self.of("people", key)

    def command_of(self, topic: str) -> tuple[str, str] | None:
        """Return the camera, empty for the node, and what is to be switched; None for any other topic."""
        match self._below(topic):
            case [name, "set"]:
                return "", name
            case [camera, name, "set"]:
                return camera, name
        return None

    def zone(self, camera: str, zone: str) -> str:
        """Name the state of a zone."""
        return self.of(camera, zone_leaf(zone))

    def zone_of(self, topic: str) -> tuple[str, str] | None:
        """Return the camera and the zone of a topic that `zone` named; None for any other topic."""
        match self._below(topic):
            case [camera, "zone", zone]:
                return camera, zone
        return None

    def _below(self, topic: str) -> list[str]:
        """Return the levels of a topic below the node; none if it is not below it."""
        base = f"{self.prefix}/{self.node}/"
        return topic.removeprefix(base).split("/") if topic.startswith(base) else []

    @staticmethod
    def camera(topic: str) -> str:
        """Return the camera of a topic that `of` named."""
        return topic.split("/")[-2]


def zone_leaf(zone: str) -> str:
    """Name a zone's state below its camera."""
    return f"zone/{zone}"
