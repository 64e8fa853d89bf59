"""Connect to a network camera, with a reason where that fails, and read from it until a deadline."""

import errno
import io
import socket
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from capture.trouble import CameraError, not_opened

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
TLS_SCHEMES = ("rtsps", "https")
_RECEIVE_BYTES = 262_144
"""What may wait in the kernel: a reader that is late shall not lag by megabytes."""


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's address in parts; user and password are decoded."""

    scheme: str
    host: str
    port: int
    target: str
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def host_header(self) -> str:
        """Host and port as a URL has them, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def bare(self) -> str:
        """The address without user and password."""
        return f"{self.scheme}://{self.host_header}{self.target}"


def parse_address(uri: str) -> Address:
    """Return the parts of a URL that `capture.sources` accepted."""
    parts: SplitResult = urlsplit(uri)
    scheme = parts.scheme.lower()
    user = None if parts.username is None else unquote(parts.username)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or PORTS[scheme]
    return Address(scheme, parts.hostname or "", port, target, user, unquote(parts.password or ""))


class Wire:
    """A connection whose reads end at a deadline, as `http.client` wants sockets to be.

    Args:
        connected: the socket.
        timeout_s: how long from now reads may take, all together.
    """

    def __init__(self, connected: socket.socket, timeout_s: float) -> None:
        self._socket = connected
        self._raw = _Raw(connected)
        self.extend(timeout_s)

    def extend(self, timeout_s: float) -> None:
        """Set the deadline anew."""
        self._raw.due_s = time.monotonic() + timeout_s

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file that is read from."""
        return io.BufferedReader(self._raw, 65_536)

    def send(self, data: bytes) -> None:
        """Send all of some bytes.

        Raises:
            OSError: the camera does not take them.
        """
        self._socket.settimeout(max(0.1, self._raw.due_s - time.monotonic()))
        self._socket.sendall(data)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class _Raw(io.RawIOBase):
    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self.due_s = 0.0
        self._socket = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        left_s = self.due_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        return self._socket.recv_into(buffer)


def connect(address: Address, timeout_s: float) -> Wire:
    """Return a connection to a camera, encrypted where its scheme says so.

    Raises:
        CameraError: there is none; says why.
    """
    try:
        connected = socket.create_connection((address.host, address.port), timeout_s)
    except (OSError, UnicodeError) as error:
        raise connection_error(error, address.port) from None
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    if address.scheme in TLS_SCHEMES:
        connected = _encrypted(connected, address)
    return Wire(connected, timeout_s)


def connection_error(error: Exception, port: int) -> CameraError:
    """Return why a connection to a port was not made."""
    if isinstance(error, (socket.gaierror, UnicodeError)):
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            reason = "its host name cannot be looked up: correct the name, or check that the name server answers"
        else:
            reason = "there is no host of this name: correct it, or write the host's IP address"
    elif isinstance(error, ConnectionRefusedError):
        reason = f"nothing listens on its port {port}: is the camera started, and the port right?"
    elif isinstance(error, TimeoutError) or (isinstance(error, OSError) and error.errno == errno.ETIMEDOUT):
        reason = "its host does not answer: is the camera switched on, and the address right?"
    elif isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.EHOSTDOWN):
        reason = "its host is off or away: there is no way to it in this network"
    elif isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.ENETDOWN):
        reason = "its network cannot be reached: check this host's own network"
    else:
        reason = f"the connection fails ({_name(error)})"
    return not_opened(reason, offline=True)


def _encrypted(connected: socket.socket, address: Address) -> ssl.SSLSocket:
    # Cameras sign their certificates themselves and speak old TLS: FFmpeg does not check either.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        return context.wrap_socket(connected, server_hostname=address.host)
    except (OSError, ValueError) as error:
        connected.close()
        raise _tls_error(error, address.scheme) from None


def _tls_error(error: Exception, scheme: str) -> CameraError:
    plain = scheme.removesuffix("s")
    if isinstance(error, TimeoutError):
        return not_opened(f"it does not answer to TLS: if it speaks none, write {plain}://")
    reason = getattr(error, "reason", None) or _name(error)
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"):
        return not_opened(f"it does not speak TLS on this port: write {plain}://, or the port that has TLS")
    return not_opened(f"TLS with it fails ({str(reason).lower().replace('_', ' ')}): check its certificate and its age")


def _name(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return errno.errorcode.get(number, type(error).__name__) if isinstance(number, int) else type(error).__name__
