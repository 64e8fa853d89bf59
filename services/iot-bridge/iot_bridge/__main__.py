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
from iot_bridge.commands import Commands
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.listening import ears
from iot_bridge.people import People
from iot_bridge.presence import CameraState
from iot_bridge.service import run_clock, run_controls, run_events, run_stills, run_tracks
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics


def main() -> int:
    """Run the service until it is told to stop."""
    settings = load(BridgeSettings)
    marked = layouts(settings)
    zones = {camera: [zone.name for zone in layout.zones] for camera, layout in marked.items()}
    with running("iot-bridge", settings) as service:
        topics = Topics(settings.topic_prefix, settings.node_id)
        node = Node(
            topics,
            settings.node_name,
            settings.discovery_prefix,
            zones,
            settings.detect_every_max,
            stills=settings.still_every_s > 0,
        )
        will = Publication(topics.availability, b"offline", retain=True)
        broker = Broker(settings, will, service.heartbeat, service.metrics, service.log)
        people = People(topics, settings.presence_off_after_s, settings.people_kept_days)
        home = Home(node, lambda camera: camera_state(camera, node, settings), people, time.monotonic, broker.say)
        commands = Commands(topics, service.metrics, service.log)
        broker.start(home.say_everything, ears(home, commands))
        try:
            serve(service, broker, home, commands)
        finally:
            broker.stop()
    return 0


def camera_state(camera: str, node: Node, settings: BridgeSettings) -> CameraState:
    """Return the state of a camera of which nothing was said yet."""
    zones = node.zones.get(camera, ())
    return CameraState(camera, node.topics, settings.faces_hz, settings.presence_off_after_s, zones)


def serve(service: Service[BridgeSettings], broker: Broker, home: Home, commands: Commands) -> None:
    """Run all loops until the service stops."""
    tracks = StreamReader(service.bus, service.intake, service.metrics, [Wanted(keys.TRACKS)])
    events = GroupReader(service.store, service.intake, keys.EVENTS, group="iot-bridge", consumer="iot-bridge-1")
    bodies = [
        lambda: run_tracks(service, tracks, home),
        lambda: run_clock(service, home),
        lambda: run_controls(service, commands, home),
    ]
    if home.node.stills:
        bodies.append(lambda: run_stills(service, home, broker))
    loops = [Thread(target=keep_running, args=(service, body), daemon=True) for body in bodies]
    for loop in loops:
        loop.start()
    keep_running(service, lambda: run_events(service, events, broker, home))
    for loop in loops:
        loop.join(2.0)


if __name__ == "__main__":
    sys.exit(main())
