"""Turn events and tracks into MQTT, and commands into controls.

Reads `events` and `controls` (store), `tracks:{camera}` and the newest of `frames:{camera}` (bus); writes to the
broker, and `controls`. A loop for each, since two servers cannot be waited for in one call: events in the main
thread, where each is acknowledged only after the broker has it; states in others, where only the latest counts.
"""

import time
from collections.abc import Callable

from facewire.controls import LOOK_EVERY_S, read, write
from facewire.groups import GroupReader
from facewire.link import RedisAwayError
from facewire.lookup import newest_frame
from facewire.messages import Tracks
from facewire.roster import read_health
from facewire.service import Service
from facewire.streams import StreamReader, camera_names
from iot_bridge.broker import Broker
from iot_bridge.commands import Commands
from iot_bridge.event_age import age_s
from iot_bridge.home import Home
from iot_bridge.payloads import picture_publication
from iot_bridge.presence import SILENT_AFTER_S
from iot_bridge.rules.performing import Performer
from iot_bridge.sending import EventSender
from iot_bridge.settings import BridgeSettings
from iot_bridge.switches import AS_IT_IS

HEALTH_EVERY_S = 10.0
TICK_S = 1.0


def run_events(
    service: Service[BridgeSettings], events: GroupReader, broker: Broker, home: Home, performer: Performer
) -> None:
    """Send each event with the messages of rules, and acknowledge it once the broker has taken it."""
    sender = EventSender(service, events, broker, home, performer)
    for delivery in events.deliveries(service.stop, sender.between):
        if not sender.take(delivery):
            return


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


def run_controls(service: Service[BridgeSettings], commands: Commands, home: Home) -> None:
    """Write what is commanded to the store, and say what the store holds: never what was only asked for."""
    while not service.stop.is_set():
        asked = commands.next(LOOK_EVERY_S)
        command = commands.understood(asked, home.choices) if asked else None
        try:
            if command is not None:
                field, value = command.field, command.value
                service.store.once(lambda client: write(client, field, value))  # noqa: B023  it is called at once
                service.log.info("switched", field=field, value=value or AS_IT_IS)
            home.obey(service.store.once(read))
        except RedisAwayError:
            if command is not None:
                service.metrics.dropped("command_without_store")
                service.log.warning("the store is away: nothing is switched", field=command.field)


def run_stills(service: Service[BridgeSettings], home: Home, broker: Broker) -> None:
    """Say now and then what each camera sees; not while it is private, or nobody knows whether it is."""
    every_s = service.settings.still_every_s
    due_s, private = time.monotonic(), frozenset[str]()
    while not service.stop.wait(min(TICK_S, every_s)):
        service.heartbeat.beat()
        controls = home.controls
        if controls is None or not broker.is_up:
            continue
        due = time.monotonic() >= due_s
        due_s = time.monotonic() + every_s if due else due_s
        # A camera that became private must not stay in view until the next picture is due.
        changed, private = controls.private ^ private, controls.private
        for camera in home.cameras if due else changed.intersection(home.cameras):
            picture = hidden_still() if camera in private else newest_still(service, camera)
            if picture is not None:
                broker.say([picture_publication(home.node.topics.of(camera, "still"), picture)])


def hidden_still() -> bytes:
    """Return what is shown of a camera that is private."""
    from iot_bridge import curtain  # noqa: PLC0415  it is seldom needed

    return curtain.curtain()


def newest_still(service: Service[BridgeSettings], camera: str) -> bytes | None:
    """Return what a camera sees as JPEG; None if it sees nothing now."""
    from iot_bridge import stills  # noqa: PLC0415  who wants no pictures does without Pillow

    try:
        frame = service.bus.once(lambda client: newest_frame(client, camera))
    except RedisAwayError:
        return None
    if frame is None or age_s(frame.captured_ns, time.time_ns()) > SILENT_AFTER_S:
        return None
    with service.metrics.stage("still"):
        return stills.jpeg(frame)
