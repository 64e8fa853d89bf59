"""What the tests of unlocking share: a camera before which somebody stands, and a lock that listens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from facewire import keys
from facewire.audit import Decision
from facewire.codec import encode
from facewire.link import connect
from facewire.lookup import latest_decisions
from facewire.messages import Identity, Message, Track, Tracks
from tests.servers import HUNG_S, wait_for

LOCK = "facewire/door-pi/lock/front"
COMMANDS = "zigbee2mqtt/front_door/set"
LOOKS_PER_S = 10
RULES = """
locks:
  front:
    zigbee2mqtt: front_door
    unlock: {people: [Ada], cameras: [door], of_looks: [3, 4], cooldown_s: 1, failures: 3, second_factor: FACTOR}
rules:
  - name: Ada comes home
    when: {event: identified, person: Ada, camera: door}
    do: [unlock: front]
  - name: nobody is left
    when: {event: left, camera: door}
    do: [lock: front]
"""


def rules(folder: Path, factor: str = "none") -> dict[str, str]:
    """Write the rules; returns the setting that names them."""
    path = folder / "rules.yaml"
    path.write_text(RULES.replace("FACTOR", factor), encoding="utf-8")
    return {"RULES_FILE": str(path)}


class Visitor:
    """Stands in for tracker and recognizer: somebody before the camera, looked at ten times a second.

    Args:
        bus_url: the bus.
        camera: the camera.
    """

    def __init__(self, bus_url: str, camera: str = "door") -> None:
        self._camera = camera
        self.track = 0
        """Nobody, while it is 0."""
        self.name: str | None = "Ada"
        self.live_score: float | None = 0.95
        self.captured: dict[int, int] = {}
        """When each track was looked at for the third time."""
        self._looks: dict[int, int] = {}
        self._most: dict[int, int] = {}
        self._bus = connect(bus_url)
        self._stop = Event()
        self._thread = Thread(target=self._tell, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def come(self, seconds: float) -> int:
        """Be there for just as many looks as there are in a while, as somebody new; returns the track."""
        came = max(self._looks, default=0) + 1
        self._most[came] = round(seconds * LOOKS_PER_S)
        self.track = came
        wait_for(lambda: self.track == 0, "the looks")
        return came

    def _tell(self) -> None:
        seq = 0
        while not self._stop.wait(1 / LOOKS_PER_S):
            # The track first: whoever it is, was named before.
            seq, track, name, live_score, now_ns = seq + 1, self.track, self.name, self.live_score, time.time_ns()
            faces = (Track(track, (0, 0, 120, 160), 0.9, "confirmed", 9, (0, 0)),) if track else ()
            self._bus.zadd(keys.CAMERAS, {self._camera: time.time()})
            self._add(keys.TRACKS, Tracks(self._camera, seq, now_ns, faces))
            if track:
                self._looks[track] = self._looks.get(track, 0) + 1
                if self._looks[track] == 3:
                    self.captured[track] = now_ns
                look = Identity(self._camera, track, seq, now_ns, f"{track}-{seq}", name, 0.7, 0.3, live_score)
                self._add(keys.IDENTITIES, look)
                if self._looks[track] == self._most.get(track):
                    self.track = 0

    def _add(self, stream: keys.Stream, message: Message) -> None:
        entry: Any = {keys.FIELD: encode(message)}
        self._bus.xadd(stream.key(self._camera), entry, maxlen=256)


class Bolt:
    """A lock that listens to its commands by MQTT 5, with a session that it keeps while it is away."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: list[tuple[int, MQTTMessage]] = []
        """Each command, and when it came."""
        self._subscribed = Event()
        self._client = Client(CallbackAPIVersion.VERSION2, "bolt", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = lambda _client, _userdata, message: self.heard.append((time.time_ns(), message))
        self._port = port
        self.come()

    def come(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._subscribed.clear()
        self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(HUNG_S)

    def go(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def is_there(self) -> bool:
        """Say whether it hears what it is told now."""
        return self._subscribed.is_set()

    def unlocks(self) -> list[tuple[int, MQTTMessage]]:
        return [(at_ns, message) for at_ns, message in list(self.heard) if b"UNLOCK" in message.payload]


@contextmanager
def bolted(port: int, *topics: str) -> Iterator[Bolt]:
    bolt = Bolt(port, *(topics or (COMMANDS,)))
    try:
        yield bolt
    finally:
        bolt.go()


def user_properties(message: MQTTMessage) -> dict[str, str]:
    properties: Any = message.properties
    return dict(properties.UserProperty)


def decisions(store_url: str) -> list[Decision]:
    """Return all that was decided, the oldest first."""
    return [decision for _, decision in reversed(latest_decisions(connect(store_url), 1000))]


def told(store_url: str) -> list[tuple[str, str]]:
    """Return the verdict and the reason of each."""
    return [(decision.verdict, decision.reason) for decision in decisions(store_url)]


def switch_on(store_url: str) -> None:
    connect(store_url).hset(keys.CONTROLS, keys.unlocking("front"), "on")


def wait_for_decision(store_url: str, verdict: str, reason: str) -> None:
    wait_for(lambda: (verdict, reason) in told(store_url), f"{verdict}: {reason}")
