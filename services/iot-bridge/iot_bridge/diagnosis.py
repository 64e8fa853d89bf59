"""Find out what a port speaks when a broker closed the connection without an answer."""

import socket
import ssl
from collections.abc import Iterable

from iot_bridge.dialling import make_tls
from iot_bridge.settings import BridgeSettings
from iot_bridge.troubles import PLAIN_PORT, SSL_ALERT, TLS_PORT, Trouble, alert, dialling

WITHIN_S = 3.0
# CONNECT of MQTT 3.1.1, clean session, keep alive 5 s, client id `facewire-probe`.
PROBE = b"\x10\x1a\x00\x04MQTT\x04\x02\x00\x05\x00\x0efacewire-probe"
CONNACK = 0x20


def why_no_answer(settings: BridgeSettings, errors: Iterable[str], *, closed: bool) -> Trouble:
    """Return why a broker did not answer CONNECT.

    Args:
        settings: the broker.
        errors: texts of the connection's errors.
        closed: whether the broker closed the connection.
    """
    for found in filter(None, map(SSL_ALERT.search, errors)):
        trouble = alert(found[1], settings)
        if trouble is not None:
            return trouble
    problem = "it closed the connection without an answer" if closed else "it does not answer"
    return diagnose(settings) or Trouble(problem, "check MQTT_PORT, and the broker's log")


def why_no_connection(settings: BridgeSettings, error: OSError | ValueError) -> Trouble:
    """Return why no connection was made."""
    cut = isinstance(error, ssl.SSLEOFError | ConnectionResetError | BrokenPipeError)
    return (diagnose(settings) if cut else None) or dialling(error, settings)


def diagnose(settings: BridgeSettings) -> Trouble | None:
    """Return the reason that the port itself gives; None if it gives none."""
    if settings.mqtt_is_socket:
        return None
    if not settings.mqtt_tls:
        return Trouble(*TLS_PORT) if _speaks_tls(settings) else None
    return Trouble(*PLAIN_PORT) if _speaks_plainly(settings) else _tls_alert(settings)


def _dial(settings: BridgeSettings) -> socket.socket:
    return socket.create_connection((settings.mqtt_host, settings.mqtt_port), WITHIN_S)


def _speaks_tls(settings: BridgeSettings) -> bool:
    # Nothing is sent through it: who answers does not matter here.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _dial(settings) as plain, context.wrap_socket(plain, server_hostname=settings.mqtt_host):
            return True
    except ssl.SSLError as error:
        # Only somebody who speaks TLS sends an alert.
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False


def _speaks_plainly(settings: BridgeSettings) -> bool:
    try:
        with _dial(settings) as plain:
            plain.sendall(PROBE)
            return plain.recv(1) == bytes([CONNACK])
    except (OSError, ValueError):
        return False


def _tls_alert(settings: BridgeSettings) -> Trouble | None:
    """Return the reason that the broker gives after the handshake, as TLS 1.3 does of client certificates."""
    try:
        context, host = make_tls(settings), settings.mqtt_host
        with _dial(settings) as plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
            encrypted.recv(1)
    except ssl.SSLError as error:
        return alert(error.reason or "", settings)
    except (OSError, ValueError):
        pass
    return None
