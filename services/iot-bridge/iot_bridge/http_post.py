"""Send an HTTP POST within one deadline, from name lookup to response headers."""

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

SEND_AT_ONCE_BYTES = 65_536
Addresses = list[tuple[Any, ...]]
"""As `socket.getaddrinfo` returns them."""


class PostError(Exception):
    """A request without an answer. The text names the kind of failure and nothing of the address."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a request on the monotonic clock."""

    end_s: float

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left_s = self.end_s - monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


@dataclass(slots=True)
class _Lookup:
    """A name that is being resolved in a thread."""

    done: Event = field(default_factory=Event)
    addresses: Addresses = field(default_factory=list)
    error: OSError | None = None


class Resolver:
    """Resolve host names in threads, since a hanging lookup cannot be cancelled.

    Args:
        look_up: resolves a host and port; it may block.
    """

    def __init__(self, look_up: Callable[[str, int], Addresses] | None = None) -> None:
        self._look_up = look_up or (lambda host, port: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        self._pending: dict[tuple[str, int], _Lookup] = {}
        self._lock = Lock()

    def addresses(self, host: str, port: int, within_s: float) -> Addresses:
        """Return the addresses of a host.

        Raises:
            TimeoutError: the lookup takes longer.
            OSError: there is no such host.
        """
        with self._lock:
            lookup = self._pending.get((host, port))
            if lookup is None:
                lookup = self._pending[host, port] = _Lookup()
                Thread(target=self._run, args=(host, port, lookup), name=f"resolve {host}", daemon=True).start()
        if not lookup.done.wait(within_s):
            raise TimeoutError
        if lookup.error is not None:
            raise lookup.error
        return lookup.addresses

    def _run(self, host: str, port: int, lookup: _Lookup) -> None:
        try:
            lookup.addresses = self._look_up(host, port)
        except OSError as error:
            lookup.error = error
        except UnicodeError:
            # A label that is empty or longer than 63.
            lookup.error = OSError("no host name")
        finally:
            with self._lock:
                del self._pending[host, port]
            lookup.done.set()


class _Bytes(RawIOBase):
    """The bytes of a socket, until the deadline however slowly they come."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  a writable buffer
        self._socket.settimeout(self._deadline.left_s())
        return self._socket.recv_into(buffer)


class _Channel:
    """As much of a socket as `http.client` needs, each step bounded by the same deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._reader = BufferedReader(_Bytes(connected, deadline))

    def makefile(self, *_arguments: object) -> "BufferedReader[Any]":
        """Return the one reader: bytes read ahead belong to the next head."""
        return self._reader

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            self._socket.settimeout(self._deadline.left_s())
            view = view[self._socket.send(view[:SEND_AT_ONCE_BYTES]) :]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


RESOLVER = Resolver()


def post(url: str, body: bytes, headers: Mapping[str, str], within_s: float, resolver: Resolver = RESOLVER) -> int:
    """Send a request and return the response status; no redirect is followed.

    Args:
        url: an address that `is_web_address`.
        body: the request's body.
        headers: beside Host and Content-Length.
        within_s: bound on the whole call.
        resolver: resolves the host.

    Raises:
        PostError: no answer in time, or none that is HTTP.
    """
    deadline = Deadline(monotonic() + within_s)
    try:
        return _post(url, body, headers, deadline, resolver)
    except TimeoutError as error:
        raise PostError("Timeout") from error
    except ssl.SSLCertVerificationError as error:
        raise PostError("certificate not trusted") from error
    except socket.gaierror as error:
        raise PostError("no such host") from error
    # The text of these would name the address.
    except (OSError, HTTPException, ValueError) as error:
        raise PostError(type(error).__name__) from error


def _post(url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline, resolver: Resolver) -> int:
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if encrypted else 80)
    connected = _connected(resolver.addresses(host, port, deadline.left_s()), deadline)
    try:
        if encrypted:
            # The timeout of a handshake bounds all of it.
            connected.settimeout(deadline.left_s())
            connected = _trusted().wrap_socket(connected, server_hostname=host)
        connection = HTTPSConnection(host, port, context=_trusted()) if encrypted else HTTPConnection(host, port)
        channel: Any = _Channel(connected, deadline)
        connection.sock = channel
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        return _status(channel)
    finally:
        connected.close()


def _status(channel: Any) -> int:  # noqa: ANN401  it stands for a socket
    while True:
        response = HTTPResponse(channel, method="POST")
        response.begin()
        # Informational, of which there may be any number; 101 ends HTTP.
        if response.status >= 200 or response.status == 101:
            return response.status
        # Its end would close the reader, which the next head comes from.
        response.fp = None  # type: ignore[assignment]


def _connected(addresses: Addresses, deadline: Deadline) -> socket.socket:
    error: OSError = OSError("no address")
    for left, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connected = socket.socket(family, kind, protocol)
        try:
            # An address that does not answer leaves time for the others.
            connected.settimeout(deadline.left_s() / left)
            connected.connect(address)
        except OSError as failure:
            connected.close()
            error = failure
        else:
            return connected
    raise error


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
