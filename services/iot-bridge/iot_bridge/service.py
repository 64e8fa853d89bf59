"""Turn events and tracks into MQTT. Reads `events` (store) and `tracks:{camera}` (bus); writes to the broker.

Two loops, since two servers cannot be waited for in one call: events in the main thread, where each is
acknowledged only after the broker has it; states in another, where only the latest counts.
"""

import time
from collections.abc import Callable

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
from iot_bridge.rules.performing import Performer
from iot_bridge.settings import BridgeSettings

HEALTH_EVERY_S = 10.0
TICK_S = 1.0


def run_events(
    service: Service[BridgeSettings], events: GroupReader, broker: Broker, node: Node, performer: Performer
) -> None:
    """Send each event with what rules say over MQTT, and acknowledge it once the broker has all of it."""

    def turn_off() -> None:
        if broker.is_up:
            performer.turn_off(lambda messages: broker.deliver(messages, service.stop), service.stop)

    for delivery in events.deliveries(service.stop, turn_off):
        if isinstance(delivery.message, FaceEvent):
            # Rules are asked only when the broker is there: it may be too late to turn on a light by then.
            if not broker.wait_until_up(service.stop):
                return
            done = performer.prepare(delivery.message, service.stop)
            if not broker.deliver([*event_publications(delivery.message, node.topics), *done], service.stop):
                return
            service.metrics.handled(delivery.message.camera, delivery.message.at_ns)
        events.ack(delivery, service.stop)


def run_tracks(service: Service[BridgeSettings], tracks: StreamReader, home: Home) -> None:
    """Say what changes in each camera's states."""
    for message in tracks.messages(service.stop):
        if isinstance(message, Tracks):
            home.update(message)


def run_clock(service: Service[BridgeSettings], home: Home, on_tick: Callable[[], None]) -> None:
    """Say what changes by itself as time passes: silent cameras, health, the set of cameras; and look at the rules."""
    health_s = time.monotonic()
    while not service.stop.wait(TICK_S):
        service.heartbeat.beat()
        on_tick()
        home.tick()
        if time.monotonic() >= health_s:
            health_s = time.monotonic() + HEALTH_EVERY_S
            try:
                home.fare(service.bus.once(read_health))
                home.know(service.bus.once(camera_names))
            except RedisAwayError:
                continue
