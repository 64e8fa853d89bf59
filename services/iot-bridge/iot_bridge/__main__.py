"""`python -m iot_bridge` runs the service."""

import sys
import time
from threading import Thread

from facewire import keys
from facewire.groups import GroupReader
from facewire.layouts import layouts
from facewire.service import Service, keep_running, running
from facewire.settings import load
from facewire.streams import StreamReader, Wanted
from iot_bridge.broker import Broker
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.presence import CameraState
from iot_bridge.service import run_clock, run_events, run_tracks
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics


def main() -> int:
    """Run the service until it is told to stop."""
    settings = load(BridgeSettings)
    marked = layouts(settings)
    zones = {camera: [zone.name for zone in layout.zones] for camera, layout in marked.items()}
    with running("iot-bridge", settings) as service:
        topics = Topics(settings.topic_prefix, settings.node_id)
        node = Node(topics, settings.node_name, settings.discovery_prefix, zones)
        will = Publication(topics.availability, b"offline", retain=True)
        broker = Broker(settings, will, service.heartbeat, service.metrics, service.log)
        home = Home(node, lambda camera: camera_state(camera, node, settings), time.monotonic, broker.say)
        broker.start(
            home.say_everything,
            node.birth_topic,
            lambda topic: remember(home, topic),
            [topics.any_camera_availability, topics.any_zone],
        )
        try:
            serve(service, broker, home)
        finally:
            broker.stop()
    return 0


def camera_state(camera: str, node: Node, settings: BridgeSettings) -> CameraState:
    """Return the state of a camera of which nothing was said yet."""
    zones = node.zones.get(camera, ())
    return CameraState(camera, node.topics, settings.faces_hz, settings.presence_off_after_s, zones)


def remember(home: Home, topic: str) -> None:
    """Let the home know of a topic under which the broker kept something of an earlier run."""
    found = home.node.topics.zone_of(topic)
    if found is None:
        home.remember(home.node.topics.camera(topic))
    else:
        home.remember_zone(*found)


def serve(service: Service[BridgeSettings], broker: Broker, home: Home) -> None:
    """Run all loops until the service stops."""
    tracks = StreamReader(service.bus, service.intake, service.metrics, [Wanted(keys.TRACKS)])
    events = GroupReader(service.store, service.intake, keys.EVENTS, group="iot-bridge", consumer="iot-bridge-1")
    loops = [
        Thread(target=keep_running, args=(service, lambda: run_tracks(service, tracks, home)), daemon=True),
        Thread(target=keep_running, args=(service, lambda: run_clock(service, home)), daemon=True),
    ]
    for loop in loops:
        loop.start()
    keep_running(service, lambda: run_events(service, events, broker, home.node))
    for loop in loops:
        loop.join(2.0)


if __name__ == "__main__":
    sys.exit(main())
