"""One MQTT connection of the bridge, from CONNECT to its end; what was not confirmed by then ends with it."""

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from time import monotonic

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from iot_bridge.diagnosis import why_no_answer, why_no_connection
from iot_bridge.dialling import make_client
from iot_bridge.hearing import Ear, TakeIn
from iot_bridge.packets import LARGEST
from iot_bridge.receipts import FIRST_FAILURE, Receipt, Receipts, Waits
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication
from iot_bridge.troubles import (
    PROTOCOL_ERROR,
    UNSUPPORTED_PROTOCOL,
    Trouble,
    TroubleError,
    ended,
    refusal,
)

KEEPALIVE_S = 15
# A broker keeps for so long what was sent to us with QoS 1 while we were away.
SESSION_EXPIRY_S = 86_400
LARGEST_RECEIVED = 1_048_576
MOST_UNCONFIRMED = 64

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(frozen=True, slots=True)
class Terms:
    """What the broker allows on this connection.

    Args:
        largest: bytes of the largest packet that it takes.
        told: whether the broker itself said so.
        window: messages of QoS 1 that may wait for their confirmation.
    """

    largest: int = LARGEST
    told: bool = False
    window: int = MOST_UNCONFIRMED


class Session:
    """One connection.

    Args:
        settings: the broker and the client.
        protocol: the version of MQTT.
        will: what the broker publishes when the connection breaks.
        ears: the subscriptions.
        answered: called with each message that was confirmed or refused, from the connection's thread or the sender's.
        failed: called with the text of an error in a callback.
        waits: how long answers are waited for.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        protocol: MQTTProtocolVersion,
        will: Publication,
        ears: Sequence[Ear],
        answered: Callable[[Receipt], None],
        failed: Callable[[str], None],
        waits: Waits,
    ) -> None:
        self._settings, self.protocol, self._answers_s = settings, protocol, waits.answers_s
        self.receipts = Receipts(answered, waits.confirms_s, waits.echoes_s)
        self._changed, self._failed = self.receipts.changed, failed
        self.terms = Terms()
        self.trouble: Trouble | None = None
        self.ended = Event()
        self.refused_filters: list[str] = []
        self._granted: set[str] = set()
        self.filters: dict[str, int] = {}
        self._connack: ReasonCode | None = None
        self._errors: list[str] = []
        self._asked: dict[int, tuple[float, list[str]]] = {}
        self._subacks: dict[int, list[int]] = {}
        self._client = self._make(will, ears)

    def _make(self, will: Publication, ears: Sequence[Ear]) -> Client:
        clean = None if self.protocol == V5 else False
        name = f"{self._settings.topic_prefix}-{self._settings.node_id}"
        client = make_client(self._settings, name, clean_session=clean, protocol=self.protocol, reconnects=False)
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        # `window` bounds what is on its way: what paho queues would be overtaken by messages of QoS 0.
        client.max_inflight_messages_set(0)
        # Else an error in a callback would end paho's thread.
        client.suppress_exceptions = True
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_publish = self._published
        client.on_disconnect = self._disconnected
        client.on_log = self._logged
        for ear in ears:
            for topics in ear.filters:
                client.message_callback_add(topics, partial(self._heard, ear))
        return client

    @property
    def is_up(self) -> bool:
        """Whether the connection stands."""
        return not self.ended.is_set() and bool(self._client.is_connected())

    @property
    def room(self) -> int:
        """How many more messages of QoS 1 may be sent now."""
        return self.terms.window - len(self.receipts)

    def open(self, subscriptions: Iterable[tuple[str, int]]) -> None:
        """Connect, subscribe, and wait for the broker's answers.

        Raises:
            TroubleError: the broker cannot be used.
        """
        host, port = self._settings.mqtt_host, self._settings.mqtt_port
        try:
            if self.protocol == V5:
                self._client.connect(host, port, KEEPALIVE_S, clean_start=False, properties=_wishes())
            else:
                self._client.connect(host, port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise TroubleError(why_no_connection(self._settings, error)) from error
        self._client.loop_start()
        self._wait(lambda: self._connack is not None, self._answers_s)
        if self._connack is None:
            closed = self.ended.is_set()
            raise TroubleError(why_no_answer(self._settings, self._errors, closed=closed), other_protocol=True)
        if self._connack.is_failure:
            other = self.protocol == V5 and self._connack.value == UNSUPPORTED_PROTOCOL
            raise TroubleError(refusal(self._connack), other_protocol=other)
        self.subscribe(subscriptions)
        self._wait(lambda: not self._asked or bool(self._subacks), self._answers_s)
        trouble = self.check(monotonic())
        if trouble is not None or self._asked or not self.is_up:
            raise TroubleError(trouble or self.trouble or Trouble("it does not answer subscriptions"))

    def subscribe(self, subscriptions: Iterable[tuple[str, int]]) -> None:
        """Ask for messages; `check` takes in the broker's answer."""
        wanted = list(subscriptions)
        if not wanted:
            return
        self.filters.update(wanted)
        topics = [(topic, SubscribeOptions(qos=qos)) for topic, qos in wanted] if self.protocol == V5 else wanted
        _, mid = self._client.subscribe(topics)
        if mid is not None:
            self._asked[mid] = monotonic(), [topic for topic, _ in wanted]

    def subscribe_again(self) -> None:
        """Ask once more for what the broker refused."""
        self.subscribe((topic, self.filters[topic]) for topic in self.refused_filters if topic in self.filters)

    def unsubscribe(self, topic: str) -> None:
        """Ask for no more messages of a topic."""
        self.filters.pop(topic, None)
        self._client.unsubscribe(topic)

    def hear(self, topic: str, heard: TakeIn | None) -> None:
        """Call `heard` with messages of a topic; None ends it."""
        if heard is None:
            self._client.message_callback_remove(topic)
        else:
            self._client.message_callback_add(topic, heard)

    def publish(self, publication: Publication, qos: int, expiry_s: int | None = None) -> Receipt:
        """Send a message; its code follows unless it is of QoS 0 and does not come back.

        Args:
            publication: the message.
            qos: 0 or 1.
            expiry_s: how long a broker of MQTT 5 may keep it for subscribers that are away.
        """
        receipt = Receipt(publication, monotonic(), self._comes_back(publication.topic), acked=qos == 0)
        properties = None
        if expiry_s is not None and self.protocol == V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
        if receipt.echoes:
            self.receipts.expect_echo(receipt)
        sent = self._client.publish(publication.topic, publication.payload, qos, publication.retain, properties)
        if qos:
            self.receipts.sent(receipt, sent.mid)
        return receipt

    def await_answers(self, receipts: Sequence[Receipt], within_s: float) -> bool:
        """Wait until all are answered or the connection ends; returns whether all are answered."""
        return self._wait(lambda: self.receipts.all_answered(receipts), within_s)

    def check(self, now_s: float) -> Trouble | None:
        """Take in answers to subscriptions, and return what is overdue; called often."""
        for mid, codes in list(self._subacks.items()):
            _, filters = self._asked.pop(mid, (0.0, []))
            if filters:
                del self._subacks[mid]
                refused = [topic for topic, code in zip(filters, codes, strict=False) if code >= FIRST_FAILURE]
                self.refused_filters = [each for each in self.refused_filters if each not in filters] + refused
                self._granted = self._granted.union(filters).difference(refused)
        if any(now_s - asked_s > self._answers_s for asked_s, _ in self._asked.values()):
            return Trouble("it does not answer subscriptions", "look at the broker's log")
        self.receipts.give_up_echoes(now_s)
        if self.receipts.is_overdue(now_s):
            return Trouble("it confirms no message", "look at the broker's log")
        return None

    def close(self, *, abruptly: bool, within_s: float) -> None:
        """End the connection.

        Args:
            abruptly: break it off, so that the broker publishes the will.
            within_s: how long to wait for its thread.
        """
        if abruptly:
            connected = self._client.socket()
            if isinstance(connected, socket.socket):
                with suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)
        else:
            self._client.disconnect()
        self._end(None)
        # paho would wait for its thread, which may be waiting for the broker.
        leaving = Thread(target=self._client.loop_stop, daemon=True)
        leaving.start()
        leaving.join(within_s)

    def _comes_back(self, topic: str) -> bool:
        return self.protocol == V311 and any(topic_matches_sub(each, topic) for each in self._granted)

    def _wait(self, truth: Callable[[], bool], within_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: truth() or self.ended.is_set(), within_s)
            return truth()

    def _end(self, trouble: Trouble | None) -> None:
        with self._changed:
            self.trouble = self.trouble or trouble
            self.ended.set()
            self._changed.notify_all()

    # Called from paho's thread.

    def _connected(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, told: Properties | None
    ) -> None:
        largest = getattr(told, "MaximumPacketSize", None)
        window = getattr(told, "ReceiveMaximum", MOST_UNCONFIRMED)
        with self._changed:
            self.terms = Terms(largest or LARGEST, largest is not None, min(window, MOST_UNCONFIRMED))
            self._connack = reason
            self._changed.notify_all()

    def _subscribed(
        self, _client: Client, _data: object, mid: int, codes: list[ReasonCode], _told: Properties | None
    ) -> None:
        with self._changed:
            self._subacks[mid] = [code.value for code in codes]
            self._changed.notify_all()

    def _published(self, _client: Client, _data: object, mid: int, reason: ReasonCode, _told: Properties) -> None:
        self.receipts.confirmed(mid, reason.value)

    def _heard(self, ear: Ear, _client: Client, _data: object, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        if self.protocol == V311:
            self.receipts.echoed(message.topic, payload)
        ear.heard(message.topic, payload, message.retain)

    def _disconnected(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _told: Properties | None
    ) -> None:
        gone = Trouble("the connection is gone", away=True)
        broken = Trouble("it sent what is no MQTT", "check MQTT_PORT, and the broker's log", PROTOCOL_ERROR)
        local = broken if reason.value == PROTOCOL_ERROR else gone
        self._end(ended(reason) if flags.is_disconnect_packet_from_server else local)

    def _logged(self, _client: Client, _data: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._errors = [*self._errors[-7:], text]
            if text.startswith("Caught exception"):
                self._failed(text)


def _wishes() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.MaximumPacketSize = LARGEST_RECEIVED
    return properties
