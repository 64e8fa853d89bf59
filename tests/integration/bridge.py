"""What the tests of the bridge share: the process, a subscriber, and stand-ins for camera, tracker and store."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from facewire import keys
from facewire.codec import encode
from facewire.health import verdict
from facewire.link import connect
from facewire.messages import FaceEvent, Frame, Person, Track, Tracks
from tests.processes import END_WITHIN_S, SECRET, environment
from tests.servers import HUNG_S, wait_for

BASE = "facewire/door-pi"
CONFIG = "homeassistant/device/facewire_door-pi/config"
PRIVACY = f"{BASE}/door/privacy"
GROUP = "iot-bridge"
JPEG = b"\xff\xd8\xff\xd9"


@dataclass(frozen=True, slots=True)
class Running:
    """A bridge process and where it leaves traces."""

    process: subprocess.Popen[bytes]
    run_dir: Path

    def healthy(self) -> bool:
        return verdict("iot-bridge", self.run_dir, time.time())[0]

    def says(self) -> str:
        return verdict("iot-bridge", self.run_dir, time.time())[1]

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(END_WITHIN_S) == 0

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait(HUNG_S) == -signal.SIGKILL

    def wait_until_healthy(self) -> None:
        wait_for(self.healthy, "the bridge to be healthy")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the bridge do nothing inside the block: it finds all that is made ready there at once."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def bridging(folder: Path, bus_url: str, store_url: str, port: int, **settings: str) -> Iterator[Running]:
    """Run the bridge until the block ends; if it still runs it must then end in time, cleanly."""
    run_dir, log = folder / "run", folder / "bridge.log"
    broker = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(port), "NODE_ID": "door-pi"}
    env = environment(folder, BUS_URL=bus_url, STORE_URL=store_url, **broker | settings)
    with (
        log.open("ab") as output,
        subprocess.Popen([sys.executable, "-m", "iot_bridge"], env=env, stdout=output, stderr=output) as process,
    ):
        try:
            wait_for(lambda: (run_dir / "iot-bridge.json").exists() or process.poll() is not None, what="a heartbeat")
            yield Running(process, run_dir)
            if process.poll() is None:
                process.terminate()
                assert process.wait(END_WITHIN_S) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()
    said = log.read_text(encoding="utf-8")
    assert "unforeseen" not in said, said
    assert SECRET not in said


class Listener:
    """A subscriber to everything, with a session that outlives the broker."""

    def __init__(self, port: int, name: str, password: str = "") -> None:
        self.got: list[MQTTMessage] = []
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False)
        if password:
            self._client.username_pw_set("facewire", password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda _client, _userdata, message: self.got.append(message)
        subscribed = Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(HUNG_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(HUNG_S)

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in list(self.got) if message.topic == topic]

    def latest(self, topic: str) -> bytes:
        return (self.payloads(topic) or [b""])[-1]

    def event_ids(self) -> list[str]:
        return [json.loads(payload)["id"] for payload in self.payloads(f"{BASE}/door/event")]

    def wait(self, topic: str, payload: bytes) -> None:
        wait_for(lambda: self.latest(topic) == payload, f"{topic} {payload!r}")

    def wait_for_events(self, numbers: range) -> None:
        wanted = {event(number).id for number in numbers}
        wait_for(lambda: wanted <= set(self.event_ids()), f"{len(wanted)} events")


@contextmanager
def listening(port: int, name: str = "listener", password: str = "") -> Iterator[Listener]:
    listener = Listener(port, name, password)
    try:
        yield listener
    finally:
        listener.close()


def kept(port: int, name: str, password: str = "") -> dict[str, bytes]:
    """Return what the broker has kept for somebody who comes only now."""
    with listening(port, name, password) as late:
        late.publish("marker", b"end")
        late.wait("marker", b"end")
        return {message.topic: bytes(message.payload) for message in late.got if message.retain}


class Room:
    """Stands in for capture and tracker: announces the camera, and tells ten times a second who is there."""

    def __init__(self, bus_url: str) -> None:
        self.faces = 0
        self.who: Person | None = None
        self.pictures = False
        self.zones: tuple[str, ...] = ()
        self._bus = connect(bus_url)
        self._stop = Event()
        self._thread = Thread(target=self._tell, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _tell(self) -> None:
        seq = 0
        while not self._stop.wait(0.1):
            seq += 1
            seen = tuple(
                Track(number, (10, 10, 40, 50), 0.9, "confirmed", 9, (0, 0), self.who, self.zones)
                for number in range(1, self.faces + 1)
            )
            self._bus.zadd(keys.CAMERAS, {"door": time.time()})
            if self.pictures:
                frame = Frame("door", seq, time.time_ns(), 8, 8, "bgr24", bytes(192))
                self._bus.xadd(keys.FRAMES.key("door"), fields(frame), id=f"{seq}-0", maxlen=32)
            self._bus.xadd(keys.TRACKS.key("door"), fields(Tracks("door", seq, time.time_ns(), seen)), maxlen=256)


@dataclass(frozen=True, slots=True)
class Store:
    """The store as tracker and the group of the bridge see it."""

    client: Any

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.client.xadd(keys.EVENTS.key(), fields(event(number)))
            time.sleep(0.01)

    def pending(self) -> int:
        """Count the events that the bridge took and did not acknowledge."""
        return int(self.client.xpending(keys.EVENTS.key(), GROUP)["pending"])

    def keeps_all(self) -> bool:
        """Say whether the bridge took events and acknowledged none."""
        groups = {each["name"].decode(): each for each in self.client.xinfo_groups(keys.EVENTS.key())}
        return bool(groups[GROUP]["pending"] == groups[GROUP]["entries-read"] > 0)

    def taken(self) -> int:
        """Count the events that the bridge took; webhooks and locks have groups of their own."""
        groups = {each["name"].decode(): each for each in self.client.xinfo_groups(keys.EVENTS.key())}
        return int(groups[GROUP]["entries-read"] or 0) if GROUP in groups else 0


class Burst:
    """Tells of one event after another until it is ended."""

    def __init__(self, store: Store) -> None:
        self.told = 0
        self._store = store
        self._over = Event()
        self._thread = Thread(target=self._tell)
        self._thread.start()

    def _tell(self) -> None:
        while not self._over.is_set():
            self._store.tell(self.told + 1)
            self.told += 1

    def end(self) -> range:
        """Return the numbers of all events."""
        self._over.set()
        self._thread.join()
        return range(1, self.told + 1)


@contextmanager
def bursting(store: Store) -> Iterator[Burst]:
    """Tell of events beside the block, at the longest until it ends."""
    burst = Burst(store)
    try:
        yield burst
    finally:
        burst.end()


def event(number: int) -> FaceEvent:
    return FaceEvent(f"door-{number}-appeared", "appeared", "door", number, None, 1, 2, JPEG)


def fields(message: Tracks | FaceEvent | Frame) -> dict[Any, Any]:
    return {keys.FIELD: encode(message)}


def acknowledged(store: Store) -> None:
    wait_for(lambda: store.pending() == 0, what="the acknowledgements")


def holds(truth: Callable[[], bool], seconds: float) -> bool:
    """Say whether something stays true for a while."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if not truth():
            return False
        time.sleep(0.05)
    return True


def broker_pid(folder: Path) -> int:
    return int((folder / "mosquitto.pid").read_text(encoding="utf-8"))


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HUNG_S) as answer:
        return str(answer.read().decode())


def sent(port: int) -> float:
    found = re.search(r'counted_total\{what="mqtt_messages"\} (\S+)', metrics(port))
    return float(found[1]) if found else 0


def stored(url: str) -> dict[str, str]:
    raw: Any = connect(url).hgetall(keys.CONTROLS)
    return {name.decode(): value.decode() for name, value in raw.items()}


def components(home: Listener) -> dict[str, Any]:
    return dict(json.loads(home.latest(CONFIG) or b'{"cmps":{}}')["cmps"])
