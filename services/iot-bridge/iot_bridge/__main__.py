"""`python -m iot_bridge` runs the service; `check [FILE]` says what the rules mean, `pin LOCK` sets a lock's PIN."""

import sys
import time
from dataclasses import replace
from threading import Thread

from facewire import keys
from facewire.groups import GroupReader
from facewire.layouts import Layouts, live_layouts, summary
from facewire.live import LiveFile
from facewire.service import Service, keep_running, running
from facewire.settings import load
from facewire.streams import Intake, StreamReader, Wanted
from iot_bridge.broker import Broker
from iot_bridge.checking import check, surroundings
from iot_bridge.commands import Commands
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.listening import ears
from iot_bridge.locks.asking import may_open, to_lock
from iot_bridge.locks.doors import Doors
from iot_bridge.locks.entities import lock_components
from iot_bridge.locks.pinning import set_pin
from iot_bridge.people import People
from iot_bridge.presence import CameraState
from iot_bridge.rules.hints import RuleHints
from iot_bridge.rules.lights import LightsOff, longest_on_s
from iot_bridge.rules.live import LiveRules, first_rules, live_rules
from iot_bridge.rules.model import Device, Rulebook
from iot_bridge.rules.performing import Performer
from iot_bridge.rules.senses import Senses, sensors
from iot_bridge.service import run_clock, run_controls, run_events, run_stills, run_tracks
from iot_bridge.settings import BridgeSettings, secret
from iot_bridge.speech.speaking import asked
from iot_bridge.speech.starting import note_silence, speaking
from iot_bridge.topics import Publication
from iot_bridge.webhooks import Caller, ServerQueues, Webhooks, calls


def main() -> int:
    """Run the service until it is told to stop."""
    settings = load(BridgeSettings)
    around = surroundings(settings)
    topics = around.topics
    book = first_rules(settings, around)
    with running("iot-bridge", settings) as service:
        marks = live_layouts(service, around.layouts, lambda layouts: summary(layouts, ["zones"]))
        live = live_rules(
            book,
            settings.rules_file,
            lambda: replace(around, layouts=marks.now),
            service.heartbeat,
            service.metrics,
            service.log,
        )
        node = Node(
            topics,
            settings.node_name,
            settings.discovery_prefix,
            zone_names(marks.now),
            settings.detect_every_max,
            stills=settings.still_every_s > 0,
            parts=[lambda node: lock_components(node, live.now.locks)],
        )
        will = Publication(topics.availability, b"offline", retain=True)
        broker = Broker(settings, will, service.heartbeat, service.metrics, service.log)
        people = People(topics, settings.presence_off_after_s, settings.people_kept_days)
        home = Home(
            node,
            lambda camera: camera_state(camera, home.node, settings),
            people,
            time.monotonic,
            broker.say,
            lambda: broker.largest_packet,
        )
        commands = Commands(topics, service.metrics, service.log)
        broker.start(
            home.say_everything,
            ears(home, commands),
            # To connect may take a while in which nothing beats.
            lambda body: keep_running(service, body, beats=False),
        )
        try:
            serve(service, broker, home, commands, live, marks)
        finally:
            broker.stop()
    return 0


def camera_state(camera: str, node: Node, settings: BridgeSettings) -> CameraState:
    """Return the state of a camera of which nothing was said yet."""
    zones = node.zones.get(camera, ())
    return CameraState(camera, node.topics, settings.faces_hz, settings.presence_off_after_s, zones)


def zone_names(layouts: Layouts) -> dict[str, list[str]]:
    """Return the names of each camera's zones."""
    return {camera: [zone.name for zone in layout.zones] for camera, layout in layouts.items()}


def serve(
    service: Service[BridgeSettings],
    broker: Broker,
    home: Home,
    commands: Commands,
    live: LiveRules,
    marks: LiveFile[Layouts],
) -> None:
    """Run all loops until the service stops."""
    zone = service.settings.zone
    senses = Senses(zone.zone, zone_known=not zone.problem)
    hints = RuleHints(service.heartbeat, service.log, zone.problem)
    hints.update(live.now, ())

    def longest_on(device: Device) -> float:
        return longest_on_s(live.now, device)

    performer = Performer(live, senses, LightsOff(service.store, longest_on), home.node.topics, service.metrics)
    webhooks = calling(service, live, senses)
    mouth = speaking(service, broker, home.node.topics, lambda event: asked(live.now, event, senses))
    note_silence(service, live.now)
    listen(broker, live, senses)
    tracks = StreamReader(service.bus, service.intake, service.metrics, [Wanted(keys.TRACKS)])
    events = GroupReader(service.store, service.intake, keys.EVENTS, group="iot-bridge", consumer="iot-bridge-1")

    def look() -> None:
        locks = live.now.locks
        if marks.look():
            home.mark(zone_names(marks.now))
            # Rules may name zones and lines that are there only now, or no more.
            live.read_again()
        if live.look():
            listen(broker, live, senses)
            note_silence(service, live.now)
        if live.now.locks != locks:
            home.redescribe(lock_components(home.node, locks))
        hints.update(live.now, home.people)

    bodies = [
        lambda: run_tracks(service, tracks, home),
        lambda: run_clock(service, home, look),
        lambda: run_controls(service, commands, home),
        webhooks.run,
    ]
    if home.node.stills:
        bodies.append(lambda: run_stills(service, home, broker))
    if mouth is not None:
        bodies.append(mouth.run)
    loops = [Thread(target=keep_running, args=(service, body), daemon=True) for body in bodies]
    for loop in loops:
        loop.start()
    loops += keeping_doors(service, live, senses, home.node).start()
    keep_running(service, lambda: run_events(service, events, broker, home, performer))
    for loop in loops:
        loop.join(2.0)


def listen(broker: Broker, live: LiveRules, senses: Senses) -> None:
    """Hear the sensors that rules ask for."""
    broker.listen({sensor.topic for sensor in sensors(live.now)}, senses.hear)


def keeping_doors(service: Service[BridgeSettings], live: LiveRules, senses: Senses, node: Node) -> Doors:
    """Return what opens and locks locks."""

    def book() -> Rulebook:
        return live.now

    return Doors(service, node.topics, lambda: live.now.locks, may_open(book, senses), to_lock(book, senses))


def calling(service: Service[BridgeSettings], live: LiveRules, senses: Senses) -> Webhooks:
    """Return what calls the webhooks of rules."""
    group = "iot-bridge-webhooks"
    silent = Intake(service.metrics, service.log, tells=False)
    events = GroupReader(service.store, silent, keys.EVENTS, group=group, consumer=f"{group}-1")
    caller = Caller(service.metrics, service.log, service.stop)
    queues = ServerQueues(caller, service.metrics, service.stop)
    return Webhooks(events, queues, lambda event: calls(live.now, event, senses, secret), service.stop)


if __name__ == "__main__":
    commands = {"check": check, "pin": set_pin}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    sys.exit(commands[name](sys.argv[2:]) if name in commands else main())
