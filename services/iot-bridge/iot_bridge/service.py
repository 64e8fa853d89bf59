"""Turn events and tracks into MQTT. Reads `events` (store) and `tracks:{camera}` (bus); writes to the broker.

Two loops, since two servers cannot be waited for in one call: events in the main thread, where each is
acknowledged only after the broker has it; states in another, where only the latest counts.
"""

import time

from facewire.groups import GroupReader
from facewire.link import RedisAwayError
from facewire.messages import FaceEvent, Tracks
from facewire.roster import read_health
from facewire.service import Service
from facewire.streams import StreamReader, camera_names
from iot_bridge.broker import Broker
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.payloads import event_publications
from iot_bridge.settings import BridgeSettings

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


def run_tracks(service: Service[BridgeSettings], tracks: StreamReader, home: Home) -> None:
    """Say what changes in each camera's states."""
    for message in tracks.messages(service.stop):
        if isinstance(message, Tracks):
            home.update(message)


def run_clock(service: Service[BridgeSettings], home: Home) -> None:
    """Say what changes by itself as time passes: silent cameras, health, the set of cameras."""
    health_s = time.monotonic()
    while not service.stop.wait(TICK_S):
        service.heartbeat.beat()
        home.tick()
        if time.monotonic() >= health_s:
            health_s = time.monotonic() + HEALTH_EVERY_S
            try:
                home.fare(service.bus.once(read_health))
                home.know(service.bus.once(camera_names))
            except RedisAwayError:
                continue
