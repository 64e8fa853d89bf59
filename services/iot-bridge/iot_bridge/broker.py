"""The connection to the MQTT broker: kept up, its weather told, and a message's arrival made certain."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from time import monotonic

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from facewire.heartbeat import Heartbeat
from facewire.log import Log, Seldom
from facewire.metrics import Metrics
from iot_bridge.dialling import address_of, make_client
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

KEEPALIVE_S = 15
# paho's default climbs to 120 s: too long to stand before a dark door.
LONGEST_WAIT_S = 10
PATIENCE_S = 0.5
# To say `offline`, and to hang up: both fit into the time that Docker gives.
FAREWELL_S = 1.5


@dataclass(frozen=True, slots=True)
class Ear:
    """What is listened for.

    Args:
        filters: topics, with wildcards.
        heard: called from the connection's own thread, which it must not hold up, with topic, payload, and whether
            the broker had kept the message for us.
        qos: 1 lets the broker keep for us what is said while we are away; with 0 that is lost.
    """

    filters: tuple[str, ...]
    heard: Callable[[str, bytes, bool], None]
    qos: int = 1


class Broker:
    """A connection with a persistent session: what the broker had not acknowledged is sent again.

    Args:
        settings: where the broker is, and who we are.
        will: what the broker shall say when we vanish.
        heartbeat: told when the broker goes and comes.
        metrics: counts messages.
        log: told the same.
    """

    def __init__(
        self, settings: BridgeSettings, will: Publication, heartbeat: Heartbeat, metrics: Metrics, log: Log
    ) -> None:
        self._host, self._port = settings.mqtt_host, settings.mqtt_port
        self._address = address_of(settings)
        self._will = will
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._seldom = Seldom()
        self._on_up: Callable[[], None] = lambda: None
        self._ears: Sequence[Ear] = ()
        self._sensors: frozenset[str] = frozenset()
        self._up = False
        self._client = _make_client(settings)
        self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = lambda _client, _userdata: self._wait()
        self._client.on_disconnect = self._disconnected

    def start(self, on_up: Callable[[], None], ears: Sequence[Ear]) -> None:
        """Connect, now or when the broker is there.

        Args:
            on_up: called whenever the broker may know nothing of us.
            ears: what is listened for; what the broker has kept of it is heard before `on_up` has an effect.
        """
        self._on_up, self._ears = on_up, ears
        for ear in ears:
            for topics in ear.filters:
                self._client.message_callback_add(topics, partial(_hear, ear))
        self._wait()
        self._client.connect_async(self._host, self._port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say `offline` ourselves, and go."""
        if self._client.is_connected():
            # The connection may go in this very moment; then the broker says it for us.
            with suppress(RuntimeError, ValueError):
                self._send(self._will, qos=1).wait_for_publish(FAREWELL_S)
        self._client.disconnect()
        # paho would wait for its thread, which may be waiting for a name server or a host that does not answer.
        leaving = Thread(target=self._client.loop_stop, daemon=True)
        leaving.start()
        leaving.join(FAREWELL_S)

    def say(self, publications: Sequence[Publication]) -> None:
        """Send states; without a broker they are dropped, since `on_up` says the latest again.

        With QoS 1, paho would send again after a reconnect what was on its way before: older than what `on_up` says,
        and after it. A state that is lost together with its connection needs no more than `on_up`.
        """
        if not self.is_up:
            self._metrics.dropped("broker_away", len(publications))
            return
        for publication in publications:
            self._send(publication, qos=0)

    def wait_until_up(self, until: Event) -> bool:
        """Wait until the broker is there; False if `until` was set first."""
        while not self.is_up:
            if until.wait(PATIENCE_S):
                return False
            self._heartbeat.beat()
        return True

    @property
    def is_up(self) -> bool:
        """Say whether the broker is there."""
        # paho says connected for a moment longer than it tells of the loss: what is sent then it sends after the next
        # connection, and a light would go on late.
        return self._up and bool(self._client.is_connected())

    def listen(self, topics: Iterable[str], heard: Callable[[str, bytes], None]) -> None:
        """Hear what these topics say from now on, and no more what others did; from any thread but paho's.

        What the broker kept of them is not heard: nobody knows how old it is.
        """

        def take(_client: Client, _userdata: object, message: MQTTMessage) -> None:
            if not message.retain:
                heard(message.topic, bytes(message.payload))

        before, self._sensors = self._sensors, frozenset(topics)
        for topic in before - self._sensors:
            self._client.message_callback_remove(topic)
            self._client.unsubscribe(topic)
        for topic in self._sensors - before:
            self._client.message_callback_add(topic, take)
            self._client.subscribe(topic, 0)

    def deliver(self, publications: Sequence[Publication], until: Event) -> bool:
        """Send what must arrive, and wait until the broker has it; False if `until` was set first."""
        if not self.wait_until_up(until):
            return False
        # paho keeps these across reconnects, and sends again what was not confirmed.
        sent = [self._send(publication, qos=1) for publication in publications]
        for info in sent:
            if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
                # The connection went just now: it is kept like the others, yet waiting for it would raise.
                info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
            while not info.is_published():
                if until.is_set():
                    return False
                info.wait_for_publish(PATIENCE_S)
                self._heartbeat.beat()
        return True

    def _send(self, publication: Publication, qos: int) -> MQTTMessageInfo:
        self._metrics.count("mqtt_messages")
        return self._client.publish(publication.topic, publication.payload, qos=qos, retain=publication.retain)

    def _wait(self) -> None:
        self._heartbeat.waiting("mqtt", f"the MQTT broker at {self._address}")

    # paho calls what follows from its own thread.

    def _connected(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._heartbeat.waiting("mqtt", f"the MQTT broker at {self._address}, which refuses us: {reason}")
            if self._seldom.due(str(reason), monotonic()):
                self._log.warning("the broker refuses us; check MQTT_USERNAME and MQTT_PASSWORD", reason=str(reason))
            return
        # Before anybody may speak: what is said in between would replace what the broker has kept for us to hear.
        client.subscribe([(topics, ear.qos) for ear in self._ears for topics in ear.filters])
        if self._sensors:
            client.subscribe([(topic, 0) for topic in self._sensors])
        self._up = True
        self._heartbeat.ready("mqtt")
        self._log.info("connected to the broker", broker=self._address)
        self._on_up()

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # A refusal ends in a disconnection too, and is the better thing to have said.
        if reason.is_failure and self._up:
            self._up = False
            self._wait()
            self._log.warning("the broker is gone", broker=self._address, reason=str(reason))


def _hear(ear: Ear, _client: Client, _userdata: object, message: MQTTMessage) -> None:
    ear.heard(message.topic, bytes(message.payload), message.retain)


def _make_client(settings: BridgeSettings) -> Client:
    # A fixed id, and no clean session: the broker keeps what we missed, and we what it did not confirm.
    client = make_client(settings, f"{settings.topic_prefix}-{settings.node_id}", clean_session=False)
    client.reconnect_delay_set(1, LONGEST_WAIT_S)
    return client
