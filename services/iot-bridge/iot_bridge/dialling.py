"""Make MQTT clients that know where the broker is, who we are, and whom to trust.

The broker is a host and a port, or a unix socket where `MQTT_HOST` is a path: who may open it is the file system's
question, so that the bundled broker knows the bridge without a password.
"""

import socket
import ssl
from typing import Literal

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from facewire.address import SOCKET
from facewire.service import OperatorError
from iot_bridge.settings import BridgeSettings


def address_of(settings: BridgeSettings) -> str:
    """Return where the broker is, for people: host and port, with the scheme where that says TLS."""
    if settings.mqtt_is_socket:
        return SOCKET
    host = f"[{settings.mqtt_host}]" if ":" in settings.mqtt_host else settings.mqtt_host
    return f"{'mqtts://' if settings.mqtt_tls else ''}{host}:{settings.mqtt_port}"


def make_client(
    settings: BridgeSettings,
    name: str,
    *,
    clean_session: bool | None = None,
    protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    reconnects: bool = True,
) -> Client:
    """Return a client that is not connected yet.

    Args:
        settings: where the broker is, and who we are.
        name: the client's id.
        clean_session: whether the broker forgets this client with its connection; None for MQTT 5, which asks later.
        protocol: which MQTT it speaks.
        reconnects: whether it connects again by itself, and then sends again what was not confirmed.

    Raises:
        OperatorError: a certificate or key cannot be used.
    """
    transport: Literal["unix", "tcp"] = "unix" if settings.mqtt_is_socket else "tcp"
    client = Client(
        CallbackAPIVersion.VERSION2,
        name,
        clean_session=clean_session,
        protocol=protocol,
        transport=transport,
        reconnect_on_failure=reconnects,
    )
    client.on_socket_open = lambda _client, _userdata, connection: _send_at_once(connection)
    if settings.mqtt_username:
        client.username_pw_set(settings.mqtt_username, settings.mqtt_password)
    if settings.mqtt_tls:
        client.tls_set_context(make_tls(settings))
    return client


def make_tls(settings: BridgeSettings) -> ssl.SSLContext:
    """Return the TLS context of connections: trusted authorities and own certificate.

    Raises:
        OperatorError: a certificate or key cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=settings.mqtt_ca_file)
    except OSError as error:
        raise OperatorError(f"MQTT_CA_FILE: cannot be used ({error}); name a PEM file with your authority") from error
    if settings.mqtt_cert_file is not None:
        try:
            # Without a password of its own: a service has nobody who could type it.
            context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file, password=_refuse_to_ask)
        except (OSError, ValueError) as error:
            names = "MQTT_CERT_FILE and MQTT_KEY_FILE"
            raise OperatorError(
                f"{names}: cannot be used ({error}); name PEM files of one certificate and its key"
            ) from error
    return context


def _refuse_to_ask() -> str:
    raise ValueError("the key is encrypted, and nobody is here to type its password")


def _send_at_once(connection: object) -> None:
    # Nagle's algorithm would hold a small message back until the last one is confirmed.
    if isinstance(connection, socket.socket) and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
