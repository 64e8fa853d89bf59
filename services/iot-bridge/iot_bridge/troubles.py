"""Name the reason why a broker cannot be used, and the remedy."""

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from paho.mqtt.reasoncodes import ReasonCode

from iot_bridge.settings import BridgeSettings

BAD_LOGIN = (0x86, 0x87)
UNSUPPORTED_PROTOCOL = 0x84
PROTOCOL_ERROR = 0x82
SESSION_TAKEN_OVER = 0x8E
PACKET_TOO_LARGE = 0x95
# X509_V_ERR_… of OpenSSL's x509_vfy.h
CERTIFICATES = {
    9: ("its certificate is not valid yet", "check the clock of this host and the certificate's dates"),
    10: ("its certificate has expired", "renew the broker's certificate, and check the clock of this host"),
    18: ("its certificate is self-signed", "name that certificate in MQTT_CA_FILE"),
    19: ("its certificate is signed by an unknown authority", "name that authority's PEM file in MQTT_CA_FILE"),
    20: ("its certificate is signed by an unknown authority", "name that authority's PEM file in MQTT_CA_FILE"),
    21: ("its certificate is signed by an unknown authority", "name that authority's PEM file in MQTT_CA_FILE"),
    23: ("its certificate was revoked", "renew the broker's certificate"),
    62: ("its certificate is for another host name", "put a name into MQTT_HOST that the certificate holds"),
    64: ("its certificate is for another address", "put a name or address into MQTT_HOST that the certificate holds"),
}
SSL_ALERT = re.compile(r"\[SSL: ([A-Z0-9_]+)\]")
PLAIN_PORT = ("the port does not speak TLS", "set MQTT_PORT to the broker's TLS port (often 8883), or MQTT_TLS=false")
TLS_PORT = ("the port speaks TLS only", "set MQTT_TLS=true, or MQTT_PORT to a port without TLS (often 1883)")
WANTS_CERTIFICATE = ("it wants a client certificate", "set MQTT_CERT_FILE and MQTT_KEY_FILE")
REFUSALS = {
    0x85: ("the client id is not accepted", "change NODE_ID or TOPIC_PREFIX"),
    0x86: ("Bad user name or password", "check MQTT_USERNAME and MQTT_PASSWORD"),
    0x87: ("Not authorized", "check MQTT_USERNAME and MQTT_PASSWORD"),
    0x88: ("Server unavailable", "look at the broker's log"),
    0x89: ("Server busy", "look at the broker's load"),
    0x8A: ("Banned", "lift the ban of this client in the broker"),
    0x8C: ("Bad authentication method", "let the broker accept a user name and a password"),
    PACKET_TOO_LARGE: ("Packet too large", "raise the broker's packet limit"),
    0x97: ("Quota exceeded", "raise the broker's quota for this user"),
    0x9C: ("Use another server", "put the other server into MQTT_HOST"),
    0x9D: ("Server moved", "put the new server into MQTT_HOST"),
    0x9F: ("Connection rate exceeded", "raise the broker's limit of connections"),
}
ENDS = {
    0x87: ("it ended the connection: not authorized", "check the rights of MQTT_USERNAME"),
    0x89: ("it ended the connection: it is busy", "look at the broker's load"),
    0x8B: ("it is shutting down", "start the broker again"),
    0x8D: ("it ended the connection: keep-alive timeout", "check the network"),
    SESSION_TAKEN_OVER: ("another client uses the same client id", "give each bridge on a broker its own NODE_ID"),
    0x93: ("it ended the connection: receive maximum exceeded", "raise the broker's max_inflight_messages"),
    PACKET_TOO_LARGE: ("it ended the connection: packet too large", "raise the broker's packet limit"),
    0x96: ("it ended the connection: message rate too high", "raise the broker's rate limit"),
    0x97: ("it ended the connection: quota exceeded", "raise the broker's quota for this user"),
    0x98: ("it ended the connection: administrative action", "look at the broker's log"),
    0x9C: ("it ended the connection: use another server", "put the other server into MQTT_HOST"),
    0x9D: ("it ended the connection: server moved", "put the new server into MQTT_HOST"),
}


NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason why the broker cannot be used.

    Args:
        problem: what happened.
        remedy: what to do.
        code: the MQTT reason code; 0 if there is none.
        away: nothing listens at the address, so that the address alone says enough.
    """

    problem: str
    remedy: str = ""
    code: int = 0
    away: bool = False

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


class TroubleError(Exception):
    """The broker cannot be used.

    Args:
        trouble: the reason.
        other_protocol: the other version of MQTT may work.
    """

    def __init__(self, trouble: Trouble, *, other_protocol: bool = False) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.other_protocol = other_protocol


FAILURES = {
    ConnectionRefusedError: Trouble("connection refused", "start the broker, or check MQTT_PORT", away=True),
    TimeoutError: Trouble("no answer", "check MQTT_HOST, MQTT_PORT and firewalls"),
    FileNotFoundError: Trouble("there is no such socket", "start the broker, or check MQTT_HOST"),
    PermissionError: Trouble("no permission to open it", "let this user open the broker's socket"),
}


NUMBERS = {
    socket.EAI_AGAIN: Trouble("its name cannot be resolved now", "check the name server of this host"),
    **dict.fromkeys(NO_ROUTE, Trouble("no route to it", "check MQTT_HOST and the network of this host")),
}


def refusal(reason: ReasonCode) -> Trouble:
    """Name the reason of a CONNACK that refuses."""
    text, remedy = REFUSALS.get(reason.value, (str(reason), "look at the broker's log"))
    return Trouble(f"which refuses us: {text}", remedy, reason.value)


def ended(reason: ReasonCode) -> Trouble:
    """Name the reason of a DISCONNECT that the broker sent."""
    text, remedy = ENDS.get(reason.value, (f"it ended the connection: {reason}", "look at the broker's log"))
    return Trouble(text, remedy, reason.value)


def dialling(error: OSError | ValueError, settings: BridgeSettings) -> Trouble:
    """Name the reason why no connection was made."""
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, settings)
    for kind, trouble in FAILURES.items():
        if isinstance(error, kind):
            return trouble
    if not isinstance(error, OSError):
        return Trouble("no usable address", "check MQTT_HOST and MQTT_PORT")
    number = error.errno or 0
    if isinstance(error, socket.gaierror) or number in NUMBERS:
        return NUMBERS.get(number, Trouble("no such host", "check MQTT_HOST"))
    if isinstance(error, ConnectionError) and settings.mqtt_tls:
        return Trouble("it closed the connection in the TLS handshake", "check that MQTT_PORT is a TLS port")
    return Trouble(error.strerror or type(error).__name__, "check MQTT_HOST and MQTT_PORT")


def _tls_failure(error: ssl.SSLError, settings: BridgeSettings) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        other = (f"its certificate is not accepted: {error.verify_message}", "check MQTT_CA_FILE")
        return Trouble(*CERTIFICATES.get(error.verify_code, other))
    found = alert(error.reason or "", settings)
    reason = "the connection was closed" if isinstance(error, ssl.SSLEOFError) else error.reason or "no reason given"
    return found or Trouble(
        f"the TLS handshake failed: {reason}", "check that MQTT_PORT is a TLS port, and the broker's log"
    )


def alert(reason: str, settings: BridgeSettings) -> Trouble | None:
    """Name the reason of a TLS alert or failure by OpenSSL's name of it; None for one that says nothing more."""
    if "CERTIFICATE_REQUIRED" in reason:
        return Trouble(*WANTS_CERTIFICATE)
    if "HANDSHAKE_FAILURE" in reason and settings.mqtt_cert_file is None:
        return Trouble("it refuses the TLS handshake, perhaps for want of a client certificate", WANTS_CERTIFICATE[1])
    if "UNKNOWN_CA" in reason or ("ALERT" in reason and ("CERTIFICATE" in reason or "DECRYPT_ERROR" in reason)):
        why = reason.partition("ALERT_")[2].replace("_", " ").lower()
        return Trouble(f"it does not accept the client certificate: {why}", "check MQTT_CERT_FILE and MQTT_KEY_FILE")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return Trouble(*PLAIN_PORT)
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return Trouble("it speaks another version of TLS", "let the broker offer TLS 1.2 or later")
    return None
