"""Turn events and tracks into MQTT. Reads `events` (store) and `tracks:{camera}` (bus); writes to the broker.

Two loops, since two servers cannot be waited for in one call: events in the main thread, where each is
acknowledged only after the broker has it; states in another, where only the latest counts.
"""

import time
from collections.abc import Callable
from threading import Lock

from facewire.groups import GroupReader
from facewire.link import RedisAwayError
from facewire.messages import FaceEvent, Tracks
from facewire.roster import read_health
from facewire.service import Service
from facewire.streams import StreamReader, announced
from iot_bridge.broker import Broker
from iot_bridge.discovery import Node, device_publication
from iot_bridge.payloads import event_publications, health_publication
from iot_bridge.presence import CameraState
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

HEALTH_EVERY_S = 10.0
TICK_S = 1.0


def run_events(service: Service[BridgeSettings], events: GroupReader, broker: Broker, node: Node) -> None:
    """Send each event, and acknowledge it once the broker has it."""
    for delivery in events.deliveries(service.stop):
        if isinstance(delivery.message, FaceEvent):
            if not broker.deliver(event_publications(delivery.message, node.topics), service.stop):
                return
            service.metrics.handled(delivery.message.camera, delivery.message.at_ns)
        events.ack(delivery, service.stop)


def run_tracks(service: Service[BridgeSettings], tracks: StreamReader, broker: Broker, home: "Home") -> None:
    """Send what changes in each camera's states."""
    for message in tracks.messages(service.stop):
        if isinstance(message, Tracks):
            broker.say(home.update(message))


def run_clock(service: Service[BridgeSettings], broker: Broker, home: "Home") -> None:
    """Send what changes by itself as time passes: silent cameras, health, the set of cameras."""
    health_s = time.monotonic()
    while not service.stop.wait(TICK_S):
        broker.say(home.tick())
        if time.monotonic() >= health_s:
            health_s = time.monotonic() + HEALTH_EVERY_S
            try:
                healths = service.bus.once(read_health)
            except RedisAwayError:
                continue
            broker.say(
                [health_publication(healths, home.node.topics), *home.know(announced(service.bus, service.stop))]
            )


class Home:
    """All cameras of this node, and what was last said of them.

    Args:
        node: who speaks.
        make: makes the state of a camera that is new.
        clock: seconds that only go forward.
    """

    def __init__(self, node: Node, make: Callable[[str], CameraState], clock: Callable[[], float]) -> None:
        self.node = node
        self._make = make
        self._clock = clock
        self._cameras: dict[str, CameraState] = {}
        # Tracks, the clock and paho's callback come from three threads.
        self._lock = Lock()

    def update(self, tracks: Tracks) -> list[Publication]:
        """Take in the tracks of a frame; returns what to say."""
        with self._lock:
            told = [] if tracks.camera in self._cameras else self._add(tracks.camera)
            return told + self._cameras[tracks.camera].update(tracks, self._clock())

    def tick(self) -> list[Publication]:
        """Let time pass; returns what to say."""
        with self._lock:
            return [said for camera in self._cameras.values() for said in camera.tick(self._clock())]

    def know(self, announced_names: list[str]) -> list[Publication]:
        """Take in which cameras there are; returns what to say of those that came or went."""
        with self._lock:
            # Nobody announced: capture is down, which is no reason to forget its cameras.
            gone = self._cameras.keys() - set(announced_names) if announced_names else set()
            said = []
            if gone:
                said = [device_publication(self.node, self._cameras, removed=gone)]
                self._cameras = {name: state for name, state in self._cameras.items() if name not in gone}
                said.append(device_publication(self.node, self._cameras))
            return said

    def everything(self) -> list[Publication]:
        """Return all that a broker or a Home Assistant without memory must be told."""
        with self._lock:
            states = [said for camera in self._cameras.values() for said in camera.retained()]
            online = Publication(self.node.topics.availability, b"online", retain=True)
            return [device_publication(self.node, self._cameras), online, *states]

    def _add(self, camera: str) -> list[Publication]:
        self._cameras[camera] = self._make(camera)
        return [device_publication(self.node, self._cameras)]
