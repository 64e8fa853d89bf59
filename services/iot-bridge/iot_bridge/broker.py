"""The connection to the MQTT broker: kept up, its weather told, and a message's arrival made certain."""

import socket
import ssl
from collections.abc import Callable, Sequence
from threading import Event

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.metrics import Metrics
from facewire.service import OperatorError
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

KEEPALIVE_S = 15
# paho's default climbs to 120 s: too long to stand before a dark door.
LONGEST_WAIT_S = 10
QUEUE_LIMIT = 1000
PATIENCE_S = 0.5


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
        self._address = f"{settings.mqtt_host}:{settings.mqtt_port}"
        self._will = will
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._on_up: Callable[[], None] = lambda: None
        self._birth_topic = ""
        # A fixed id, and no clean session: the broker keeps what we missed, and we what it did not confirm.
        self._client = Client(
            CallbackAPIVersion.VERSION2, f"{settings.topic_prefix}-{settings.node_id}", clean_session=False
        )
        self._client.max_queued_messages_set(QUEUE_LIMIT)
        self._client.reconnect_delay_set(1, LONGEST_WAIT_S)
        self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if settings.mqtt_username:
            self._client.username_pw_set(settings.mqtt_username, settings.mqtt_password.get_secret_value())
        if settings.mqtt_tls:
            self._use_tls(settings)
        self._client.on_socket_open = lambda _client, _userdata, connection: _send_at_once(connection)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._heard
        self._port = settings.mqtt_port
        self._host = settings.mqtt_host

    def start(self, on_up: Callable[[], None], birth_topic: str) -> None:
        """Connect, now or when the broker is there.

        Args:
            on_up: called whenever the broker, or Home Assistant behind it, may know nothing of us.
            birth_topic: where Home Assistant says `online`.
        """
        self._on_up = on_up
        self._birth_topic = birth_topic
        self._heartbeat.waiting("mqtt", f"the MQTT broker at {self._address}")
        self._client.connect_async(self._host, self._port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say `offline` ourselves, and go."""
        if self._client.is_connected():
            said = self._client.publish(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
            said.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, publications: Sequence[Publication]) -> None:
        """Send states; without a broker they are dropped, since `on_up` says the latest again."""
        if not self._client.is_connected():
            self._metrics.dropped("broker_away", len(publications))
            return
        for publication in publications:
            self._send(publication)

    def deliver(self, publications: Sequence[Publication], until: Event) -> bool:
        """Send what must arrive, and wait until the broker has it; False if `until` was set first."""
        while not self._client.is_connected():
            if until.wait(PATIENCE_S):
                return False
            self._heartbeat.beat()
        # paho keeps these across reconnects, and sends again what was not confirmed.
        sent = [self._send(publication) for publication in publications]
        for info in sent:
            while not info.is_published():
                if until.is_set():
                    return False
                info.wait_for_publish(PATIENCE_S)
                self._heartbeat.beat()
        return True

    def _send(self, publication: Publication) -> MQTTMessageInfo:
        self._metrics.count("mqtt_messages")
        return self._client.publish(publication.topic, publication.payload, qos=1, retain=publication.retain)

    def _use_tls(self, settings: BridgeSettings) -> None:
        try:
            context = ssl.create_default_context(cafile=settings.mqtt_ca_file)
        except OSError as error:
            raise OperatorError(
                f"MQTT_CA_FILE: cannot be used ({error}); name a PEM file with your authority"
            ) from error
        self._client.tls_set_context(context)

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
            self._log.warning("the broker refuses us; check MQTT_USERNAME and MQTT_PASSWORD", reason=str(reason))
            return
        self._heartbeat.ready("mqtt")
        self._log.info("connected to the broker", broker=self._address)
        client.subscribe(self._birth_topic, qos=1)
        self._on_up()

    def _disconnected(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._heartbeat.waiting("mqtt", f"the MQTT broker at {self._address}")
            self._log.warning("the broker is gone", broker=self._address, reason=str(reason))

    def _heard(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.payload == b"online":
            self._on_up()


def _send_at_once(connection: object) -> None:
    # Nagle's algorithm would hold a small message back until the last one is confirmed.
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
