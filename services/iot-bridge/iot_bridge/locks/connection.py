"""One MQTT connection from its beginning to its end; what it had not sent by then is gone with it."""

import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition, Event, Thread
from time import monotonic

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from iot_bridge.dialling import make_client
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

KEEPALIVE_S = 15
CONNECT_WITHIN_S = 5.0
CLOSE_WITHIN_S = 1.5
EXPIRY_S = 2
CONFIRMATIONS_KEPT = 64

Hear = Callable[[str, bytes], None]


class Connection:
    """A connection with a clean start and no session.

    Args:
        settings: where the broker is, and who we are.
        filters: what is listened for.
        hear: called from the connection's own thread with topic and payload; never with what was retained.
    """

    def __init__(self, settings: BridgeSettings, filters: Sequence[str], hear: Hear) -> None:
        self._settings = settings
        self._filters = filters
        self._hear = hear
        self._up = Event()
        self.ended = Event()
        self.refusal = ""
        self._changed = Condition()
        self._confirmed: OrderedDict[int, int] = OrderedDict()
        name = f"{settings.topic_prefix}-{settings.node_id}-locks"
        self._client = make_client(settings, name, protocol=MQTTProtocolVersion.MQTTv5, reconnects=False)
        self._client.on_connect = self._connected
        # Up is who also hears.
        self._client.on_subscribe = lambda *_: self._up.set()
        self._client.on_disconnect = lambda *_: self._end()
        self._client.on_message = self._heard
        self._client.on_publish = lambda _client, _userdata, mid, reason, _properties: self._confirm(mid, reason)

    @property
    def is_up(self) -> bool:
        """Whether the broker has taken us in, and has not gone."""
        return self._up.is_set() and not self.ended.is_set() and self._client.is_connected()

    def open(self) -> bool:
        """Connect; False if the broker does not take us in.

        Raises:
            OSError: it cannot be reached.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        host, port = self._settings.mqtt_host, self._settings.mqtt_port
        self._client.connect(host, port, KEEPALIVE_S, clean_start=True, properties=properties)
        _give_up_soon(self._client.socket())
        self._client.loop_start()
        end_s = monotonic() + CONNECT_WITHIN_S
        while not self._up.wait(0.05) and not self.ended.is_set() and monotonic() < end_s:
            pass
        return self.is_up

    def say(self, publication: Publication) -> None:
        """Send what may be lost."""
        if self.is_up:
            self._client.publish(publication.topic, publication.payload, qos=0, retain=publication.retain)

    def hand_over(self, publication: Publication, user: Sequence[tuple[str, str]] = ()) -> int | None:
        """Send with QoS 1 and an expiry, never retained; returns what to ask `confirmation` for, None if it was not."""
        if not self.is_up:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = EXPIRY_S
        if user:
            properties.UserProperty = list(user)
        sent = self._client.publish(publication.topic, publication.payload, qos=1, retain=False, properties=properties)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def confirmation(self, handed_over: int, within_s: float) -> int | None:
        """Return the broker's reason code for a message; None if it did not confirm it in time."""
        with self._changed:
            self._changed.wait_for(lambda: handed_over in self._confirmed or self.ended.is_set(), within_s)
            return self._confirmed.pop(handed_over, None)

    def close(self, *, abruptly: bool) -> None:
        """End it.

        Args:
            abruptly: throw away what the system has not sent yet, instead of saying goodbye.
        """
        connected = self._client.socket()
        if abruptly:
            _break_off(connected)
        else:
            self._client.disconnect()
        self._end()
        # paho would wait for its thread, which may be waiting for the broker.
        leaving = Thread(target=self._client.loop_stop, daemon=True)
        leaving.start()
        leaving.join(CLOSE_WITHIN_S)

    # paho calls what follows from its own thread.

    def _connected(
        self, client: Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            self._end()
            return
        # What is retained is old news, and told apart from what is said now.
        options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe([(each, options) for each in self._filters])

    def _heard(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if not message.retain:
            self._hear(message.topic, bytes(message.payload))

    def _confirm(self, mid: int, reason: ReasonCode) -> None:
        with self._changed:
            self._confirmed[mid] = reason.value
            if len(self._confirmed) > CONFIRMATIONS_KEPT:
                self._confirmed.popitem(last=False)
            self._changed.notify_all()

    def _end(self) -> None:
        self.ended.set()
        with self._changed:
            self._changed.notify_all()


def _give_up_soon(connected: object) -> None:
    # A network that comes back after a while must not bring an old command along.
    if isinstance(connected, socket.socket) and connected.family != socket.AF_UNIX:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, EXPIRY_S * 1000)


def _break_off(connected: object) -> None:
    if isinstance(connected, socket.socket):
        with suppress(OSError):
            # When it is closed, what is not sent is dropped and the other side is told that the connection is broken.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # paho's thread, which waits for something to read, finds the end, and closes it.
            connected.shutdown(socket.SHUT_RD)
