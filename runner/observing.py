"""See a run from outside: read its tracks and detections from the bus, and listen to its MQTT messages."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from facewire import keys
from facewire.link import Link
from facewire.messages import Detections, Tracks
from facewire.metrics import Metrics
from facewire.streams import Intake, StreamReader, Wanted

NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Seen:
    """What was observed since `begin`: times in ms, track messages' seqs per camera."""

    tracks_ms: list[float] = field(default_factory=list)
    mqtt_ms: list[float] = field(default_factory=list)
    seqs: dict[str, list[int]] = field(default_factory=dict)
    detected: int = 0
    mqtt_messages: int = 0
    faces: set[tuple[str, int]] = field(default_factory=set)


class Observer:
    """Collects what passes by, from two threads, until stopped.

    Args:
        bus: where tracks and detections are.
        intake: decodes them.
        metrics: counts what is rejected.
        mqtt_port: the broker's port on the loopback interface.
        stop: ends the reading.
    """

    def __init__(self, bus: Link, intake: Intake, metrics: Metrics, mqtt_port: int, stop: Event) -> None:
        self.seen = Seen()
        self.first_faces = Event()
        self._stop = stop
        wanted = [Wanted(keys.TRACKS), Wanted(keys.DETECTIONS)]
        self._reader = StreamReader(bus, intake, metrics, wanted)
        self._reading = Thread(target=self._read, name="observer", daemon=True)
        self._mqtt = Client(CallbackAPIVersion.VERSION2)
        self._mqtt.on_connect = lambda client, *_: client.subscribe("#")
        self._mqtt.on_message = self._heard
        self._mqtt_port = mqtt_port

    def start(self) -> None:
        """Begin to read and listen."""
        self._reading.start()
        self._mqtt.connect_async("127.0.0.1", self._mqtt_port)
        self._mqtt.reconnect_delay_set(1, 2)
        self._mqtt.loop_start()

    def begin(self) -> Seen:
        """Start to count anew, and return the new count."""
        self.seen = Seen()
        return self.seen

    def close(self) -> None:
        """Stop listening."""
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def _read(self) -> None:
        for message in self._reader.messages(self._stop):
            seen = self.seen
            if isinstance(message, Tracks):
                seen.tracks_ms.append(_since_ms(message.captured_ns))
                seen.seqs.setdefault(message.camera, []).append(message.seq)
                seen.faces.update((message.camera, t.id) for t in message.tracks if t.state == "confirmed")
                if seen.faces:
                    self.first_faces.set()
            elif isinstance(message, Detections):
                seen.detected += 1

    def _heard(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.retain:
            # It was published before we listened.
            return
        seen = self.seen
        seen.mqtt_messages += 1
        captured_ns = captured_at(bytes(message.payload))
        if captured_ns is not None:
            seen.mqtt_ms.append(_since_ms(captured_ns))


def captured_at(payload: bytes) -> int | None:
    """Return when the frame was captured that a JSON payload speaks of, None where it speaks of none."""
    if not payload.startswith(b"{"):
        return None
    try:
        captured_ns = json.loads(payload).get("captured_ns")
    except ValueError:
        return None
    return captured_ns if isinstance(captured_ns, int) else None


def _since_ms(captured_ns: int, now_ns: Callable[[], int] = time.time_ns) -> float:
    return (now_ns() - captured_ns) / NS_PER_MS
