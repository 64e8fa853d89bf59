"""Read MQTT_HOST: a host, a host with its port, an address with a scheme, or the path of a unix socket.

No message here repeats what it was given: it may hold a password.
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote

from facewire.given import tidy

DEFAULT_TLS_PORT = 8883
# Of the path of a socket (sun_path in unix(7)); the last byte ends it.
SOCKET_LIMIT_BYTES = 107
PLAIN, ENCRYPTED = ("mqtt", "tcp"), ("mqtts", "ssl", "tls")
_HOST = re.compile(r"[^\W_](?:[\w.-]*\w)?")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_SERVER = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's address.

    Args:
        host: name or number of the host; the path of a unix socket.
        port: None where none is named.
        tls: whether the scheme asks for TLS; None without a scheme.
        username: "" where none is named.
        password: "" where none is named.
    """

    host: str
    port: int | None = None
    tls: bool | None = None
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def parse_broker(text: str) -> BrokerAddress:
    """Return the broker's address.

    Raises:
        ValueError: it is none; the text says what is wrong, and not what was given.
    """
    text = tidy(text)
    path = _socket_path(text)
    if path:
        return BrokerAddress(_usable_path(path))
    if _is_number(text):
        return BrokerAddress(text)
    found = _SCHEME.fullmatch(text)
    tls = None if found is None else _tls(found[1].lower())
    rest = (text if found is None else found[2]).removesuffix("/")
    if re.search(r"[/?#\\]", rest):
        raise ValueError("has something behind host and port (in a password, `/` is written %2F, `?` %3F, `#` %23)")
    userinfo, _, server = rest.rpartition("@")
    username, _, password = (unquote(part) for part in userinfo.partition(":"))
    parts = _SERVER.fullmatch(server)
    if parts is None:
        raise ValueError("has no host that can be read; an IPv6 address with a port needs brackets, as [::1]:1883")
    port = None if parts[2] is None else _port(parts[2])
    return BrokerAddress(_host(parts[1]), port, tls, username, password)


def _socket_path(text: str) -> str:
    found = re.fullmatch(r"unix:(?://)?(.*)", text, re.IGNORECASE | re.DOTALL)
    if found is not None and not found[1].startswith("/"):
        raise ValueError("names a unix socket by a path that does not begin with /")
    return found[1] if found is not None else text if text.startswith("/") else ""


def _usable_path(path: str) -> str:
    if len(path.encode()) > SOCKET_LIMIT_BYTES:
        raise ValueError(f"names a unix socket by a path longer than {SOCKET_LIMIT_BYTES} bytes")
    return path


def _tls(scheme: str) -> bool:
    if scheme in ENCRYPTED:
        return True
    if scheme in PLAIN:
        return False
    if scheme in ("ws", "wss"):
        raise ValueError("asks for WebSockets, which are not spoken; name the broker's port for MQTT")
    if scheme in ("http", "https"):
        raise ValueError("is the address of a web page; name the broker itself")
    raise ValueError("has another scheme than mqtt://, mqtts://, tcp://, ssl:// or unix://")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= 65535:
        raise ValueError("has a port that is no number from 1 to 65535")
    return int(text)


def _host(text: str) -> str:
    if text.startswith("["):
        inner = text[1:-1]
        if ":" not in inner or not _is_number(inner):
            raise ValueError("has no IPv6 address between its brackets")
        return inner
    # A dot at the end is a name server's spelling; certificates are without.
    host = text.removesuffix(".")
    try:
        # What Python does before it asks for a name's address.
        host.encode("idna")
    except UnicodeError:
        host = ""
    if _HOST.fullmatch(host) is None:
        raise ValueError("has no host that can be read")
    return host


def _is_number(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
