"""Ask a camera over HTTP: deadlines, basic and digest authentication, redirects, and a reason when it fails."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from capture.authentication import Credentials
from capture.content_coding import CODINGS, Inflater
from capture.network import TLS_SCHEMES, Address, Wire, connect, parse_address
from capture.trouble import CameraError, bad_credentials, forbidden, no_credentials, not_opened, status_error

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
NOT_MODIFIED = 304
_TLS_ALERT = "\x15\x03"
_SAFE = "!$%&'()*+,/:;=?@[]~#|"
"""What is sent as it is: an address may hold escapes already."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A camera's answer of status 200 or 304, whose body is still to be read.

    Args:
        status: the status.
        content_type: lower case, without parameters; empty where there is none.
        etag: the validators to ask with next time, as request headers.
        url: the address that answered, with credentials only where they may be sent there.
    """

    status: int
    content_type: str
    etag: dict[str, str]
    url: str
    _response: http.client.HTTPResponse
    _wire: Wire
    _inflater: Inflater | None

    def read(self, timeout_s: float, size: int = 65_536) -> bytes:
        """Return what has come of the body, at least a byte; empty at its end.

        Raises:
            TimeoutError: nothing came in time.
        """
        self._wire.extend(timeout_s)
        try:
            while True:
                # What was inflated already comes first.
                data = b"" if self._inflater and self._inflater.waiting else self._response.read1(size)
                if self._inflater is None or not (data or self._inflater.waiting):
                    return data
                if piece := self._inflater.feed(data):
                    return piece
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            # A connection that breaks, or a chunk without a length, is the end.
            return b""

    @property
    def whole(self) -> bool:
        """Whether a body of known length was read to its end."""
        return self._response.length == 0


class HttpClient:
    """Asks one address, and keeps what the camera said of authentication.

    Args:
        uri: the address.
        timeout_s: how long connecting may take, and the answer's head after it.
    """

    def __init__(self, uri: str, timeout_s: float) -> None:
        self._uri = uri
        self._timeout_s = timeout_s
        first = parse_address(uri)
        self._home = first
        self._credentials = Credentials(first.user, first.password)

    @contextmanager
    def get(self, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Ask for the address; the answer can be read inside the block.

        Raises:
            CameraError: there is no answer of status 200 or 304; says why.
        """
        address, redirects, tried = self._home, 0, False
        while True:
            trusted = _may_know(self._home, address)
            wire = connect(address, self._timeout_s)
            try:
                response = self._exchange(wire, address, headers or {}, trusted=trusted)
                status = response.status
                if status == 401 and trusted and not tried:
                    self._answer_challenge(response)
                    tried = True
                    continue
                if status in _REDIRECTS and redirects < MAX_REDIRECTS:
                    address, redirects, tried = _redirected(address, response), redirects + 1, False
                    continue
                if status not in (200, NOT_MODIFIED):
                    raise self._refusal(response, trusted=trusted)
                yield self._answer(response, wire, address, trusted=trusted)
                return
            finally:
                wire.close()

    def _exchange(
        self, wire: Wire, address: Address, headers: Mapping[str, str], *, trusted: bool
    ) -> http.client.HTTPResponse:
        target = quote(address.target, safe=_SAFE)
        fields = {
            "Host": address.host_header,
            "User-Agent": "facewire",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        }
        authorization = self._credentials.authorization("GET", target) if trusted else None
        if authorization:
            fields["Authorization"] = authorization
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        response = http.client.HTTPResponse(wire, method="GET")  # type: ignore[arg-type]  # all it uses is makefile
        try:
            wire.send(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
            response.begin()
        except TimeoutError:
            raise not_opened(
                "it accepts the connection and does not answer: restart it, or raise CAMERA_TIMEOUT_S"
            ) from None
        except http.client.BadStatusLine as error:
            raise _not_http(error, address.scheme) from None
        except OSError:
            raise not_opened("it closes the connection instead of answering: is the port that of its video?") from None
        except http.client.HTTPException:
            raise not_opened("the head of its answer cannot be read: check the path of its address") from None
        return response

    def _answer_challenge(self, response: http.client.HTTPResponse) -> None:
        if not self._credentials.known:
            raise no_credentials()
        if not self._credentials.challenge(_challenges(response)):
            raise not_opened("it wants an authentication that is neither basic nor digest: choose one of them there")

    def _refusal(self, response: http.client.HTTPResponse, *, trusted: bool) -> CameraError:
        code = response.status
        if code == 401:
            return bad_credentials(code) if trusted else no_credentials()
        if code == 403:
            return forbidden(code)
        if code == 400 and b"HTTPS" in _beginning(response).upper():
            return not_opened("it speaks TLS on this port: write https://")
        if code in _REDIRECTS:
            return not_opened(f"it sends from one address to the next without end ({code}): correct its address")
        return status_error(code, speaks="HTTP")

    def _answer(self, response: http.client.HTTPResponse, wire: Wire, address: Address, *, trusted: bool) -> Answer:
        etag = {
            asked: value
            for asked, told in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
            if (value := response.headers.get(told)) and value.isprintable() and value.isascii()
        }
        content_type = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        url = self._uri if address is self._home else _with_credentials(address, self._home if trusted else None)
        coded = (response.headers.get("Content-Encoding") or "").strip().lower() in CODINGS
        return Answer(response.status, content_type, etag, url, response, wire, Inflater() if coded else None)


def _may_know(home: Address, other: Address) -> bool:
    """Say whether the user and password of one address may be sent to another that it led to."""
    return other.host == home.host and (other.scheme in TLS_SCHEMES or home.scheme not in TLS_SCHEMES)


def _redirected(address: Address, response: http.client.HTTPResponse) -> Address:
    try:
        target = urljoin(address.bare, (response.headers.get("Location") or "").strip())
        parts = urlsplit(target)
        if parts.scheme.lower() in ("http", "https") and parts.hostname and parts.port != 0 and target.isprintable():
            return parse_address(target)
    except ValueError:
        pass
    raise not_opened(f"it leads to an address that is none of HTTP ({response.status}): write the final one")


def _with_credentials(address: Address, home: Address | None) -> str:
    if home is None or home.user is None:
        return address.bare
    userinfo = f"{quote(home.user, safe='')}:{quote(home.password, safe='')}"
    return address.bare.replace("://", f"://{userinfo}@", 1)


def _challenges(response: http.client.HTTPResponse) -> list[str]:
    return response.headers.get_all("WWW-Authenticate") or []


def _beginning(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(4096)
    except (OSError, http.client.HTTPException, ValueError):
        return b""


def _not_http(error: http.client.BadStatusLine, scheme: str) -> CameraError:
    if isinstance(error, http.client.RemoteDisconnected):
        return not_opened("it closes the connection instead of answering: is the port that of its video?")
    line = str(error)
    if "RTSP/" in line:
        return not_opened("it speaks RTSP on this port: write rtsp://")
    if scheme == "http" and line.startswith(_TLS_ALERT):
        return not_opened("it speaks TLS on this port: write https://")
    return not_opened("it does not speak HTTP on this port: is the port that of its video?")
