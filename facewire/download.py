"""Bring one file from an address to this machine: bounded in size, in time and in redirections, whole or not at all.

Only the standard library is imported here, since set-up runs this before anything else is there.
"""

import http.client
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

SCHEMES = ("http", "https")
PIECE_BYTES = 1 << 16


class DownloadError(Exception):
    """A file did not arrive; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may take.

    Args:
        size_bytes: of the file; a longer one is given up.
        silence_s: longest wait for the next bytes.
        total_s: longest time for the whole file.
    """

    size_bytes: int = 64 << 20
    silence_s: float = 20.0
    total_s: float = 600.0


class _Redirections(urllib.request.HTTPRedirectHandler):
    max_redirections = 3
    max_repeats = 2

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        require_web(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def require_web(url: str) -> None:
    """Refuse what is no address of the web: `file:` and the like would read this machine.

    Raises:
        DownloadError: the address has another scheme, or no host.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise DownloadError(f"{url:.200} is no http or https address")


def download(url: str, target: Path, limits: Limits) -> None:
    """Write what `url` holds to `target`; on failure nothing is left there.

    Raises:
        DownloadError: it cannot be had within the limits.
        OSError: `target` cannot be written.
    """
    require_web(url)
    opener = urllib.request.build_opener(_Redirections())
    request = urllib.request.Request(url, headers={"User-Agent": "facewire"})  # noqa: S310  its scheme was looked at
    end_s = time.monotonic() + limits.total_s
    with ExitStack() as on_failure:
        on_failure.callback(target.unlink, missing_ok=True)
        with _opened(opener, request, limits) as response, target.open("wb") as file:
            _copy(response, file, limits, end_s)
        on_failure.pop_all()


def _opened(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, limits: Limits
) -> http.client.HTTPResponse:
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=limits.silence_s)
    except urllib.error.HTTPError as error:
        with error:
            raise DownloadError(_refusal(error)) from error
    except urllib.error.URLError as error:
        raise DownloadError(f"the server cannot be reached ({_why(error.reason)}): check the network") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the server does not answer ({_why(error)}): check the network") from error
    return response


def _refusal(error: urllib.error.HTTPError) -> str:
    if error.code // 100 == 3:
        return "the server sends us on without end, or off the web"
    return f"the server answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()


def _why(error: object) -> str:
    """Return the kind of a failure; its text may hold a server's words, or a proxy's password."""
    return f"{getattr(error, 'strerror', None) or type(error).__name__:.120}"


def _copy(response: http.client.HTTPResponse, file: IO[bytes], limits: Limits, end_s: float) -> None:
    announced = response.length
    if announced is not None and announced > limits.size_bytes:
        raise DownloadError(f"{announced} bytes are announced, more than the {limits.size_bytes} that are allowed")
    arrived = 0
    while piece := _next(response):
        arrived += len(piece)
        if arrived > limits.size_bytes:
            raise DownloadError(f"it is longer than the {limits.size_bytes} bytes that are allowed")
        if time.monotonic() > end_s:
            raise DownloadError(f"it took longer than {limits.total_s:g} s ({arrived} bytes came): fetch again")
        file.write(piece)
    if announced is not None and arrived < announced:
        raise DownloadError(f"it was cut off after {arrived} of {announced} bytes: fetch again")


def _next(response: http.client.HTTPResponse) -> bytes:
    try:
        # At most one read from the network, so that a server that trickles cannot hold us past the end.
        return response.read1(PIECE_BYTES)
    except TimeoutError as error:
        raise DownloadError("the server fell silent: fetch again") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection broke ({_why(error)}): fetch again") from error
