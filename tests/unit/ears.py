"""A home whose clock a test turns, what is seen there, and what the home said of it."""

from dataclasses import replace

from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.people import People, key_of
from iot_bridge.presence import CameraState
from iot_bridge.topics import Publication

from facewire.messages import Person, Track, Tracks
from tests.unit.home import NODE, TOPICS, fields
from tests.unit.messages import TRACK

DOOR = "facewire/door-pi/door"
ADA = TOPICS.person(key_of("Ada"))


def seen(*faces: Track, seq: int = 7, camera: str = "door") -> Tracks:
    return Tracks(camera, seq, 1_700_000_000_000_000_000 + seq, faces)


def face(number: int) -> Track:
    return replace(TRACK, id=number)


def as_(name: str | None, number: int = 1) -> Track:
    return replace(TRACK, id=number, identity=Person(name, 0.75) if name else None)


def told(publications: list[Publication], leaf: str) -> list[str]:
    return [said.payload.decode() for said in publications if said.topic == f"{DOOR}/{leaf}"]


def components(publication: Publication) -> dict[str, dict[str, object]]:
    assert publication.topic == NODE.config_topic
    return dict(fields(publication)["cmps"])


class Ears:
    """A home whose clock the test turns, and what it said."""

    def __init__(self, node: Node = NODE) -> None:
        self.now_s = 100.0
        self.said: list[Publication] = []
        people = People(TOPICS, 2.0, kept_days=3650)
        self.home = Home(node, self.make, people, lambda: self.now_s, self.hear)

    def make(self, camera: str) -> CameraState:
        return CameraState(camera, TOPICS, 2.0, 2.0, self.home.node.zones.get(camera, ()))

    def hear(self, publications: object) -> None:
        assert isinstance(publications, list)
        self.said += publications

    def take(self) -> list[Publication]:
        said, self.said = self.said, []
        return said
