"""Ask an RTSP camera what it offers, to say why it cannot be played: FFmpeg inside OpenCV gives no reason."""

import re
from dataclasses import dataclass
from http.client import HTTPException, parse_headers
from typing import BinaryIO, cast

from capture.authentication import Credentials
from capture.network import Address, connect, parse_address
from capture.trouble import CameraError, bad_credentials, forbidden, no_credentials, not_opened, status_error

CODECS = ("H264", "H265", "HEVC", "JPEG", "MP4V-ES", "MPV", "VP8", "VP9", "AV1", "H263", "H263-1998", "H263-2000")
"""What FFmpeg decodes of what RTSP cameras send."""
OTHER_CODECS = ("DRAC", "MP2T", "MP2P", "H261", "H266", "THEORA", "RAW", "DV", "JPEG2000", "JPEG-XS", "VC-1")
"""What else a camera may name; of other names nothing is shown, since it chose them."""
_JPEG_PAYLOAD, _MPV_PAYLOAD = "26", "32"
_STATUS = re.compile(r"RTSP/\d\.\d\s+(\d{3})\b")
_MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    challenges: tuple[str, ...]
    body: str


def probe(uri: str, timeout_s: float) -> None:
    """Ask for the description of a camera's stream, with its credentials at most once.

    Raises:
        CameraError: it cannot be played; says why.
    """
    address = parse_address(uri)
    credentials = Credentials(address.user, address.password)
    reply = _describe(address, None, timeout_s)
    if reply.status == 401:
        if not credentials.known:
            raise no_credentials()
        if not credentials.challenge(reply.challenges):
            raise not_opened("it wants an authentication that is neither basic nor digest: choose one of them there")
        reply = _describe(address, credentials, timeout_s)
        if reply.status == 401:
            raise bad_credentials(reply.status)
    if reply.status == 403:
        raise forbidden(reply.status)
    if reply.status != 200:
        raise status_error(reply.status, speaks="RTSP")
    _require_video(reply.body)


def _describe(address: Address, credentials: Credentials | None, timeout_s: float) -> _Reply:
    """Return the answer to DESCRIBE.

    Raises:
        CameraError: there is none in RTSP; says why.
    """
    authorization = credentials.authorization("DESCRIBE", address.bare) if credentials else None
    fields = {"CSeq": "1", "User-Agent": "facewire", "Accept": "application/sdp"}
    if authorization:
        fields["Authorization"] = authorization
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    wire = connect(address, timeout_s)
    try:
        wire.send(f"DESCRIBE {address.bare} RTSP/1.0\r\n{head}\r\n".encode())
        return _reply(cast("BinaryIO", wire.makefile("rb")), address)
    except TimeoutError:
        raise not_opened("it accepts the connection and does not answer to RTSP: is the port that of RTSP?") from None
    except (OSError, HTTPException, ValueError):
        raise not_opened("it closes the connection instead of answering: is the port that of RTSP?") from None
    finally:
        wire.close()


def _reply(lines: BinaryIO, address: Address) -> _Reply:
    first = lines.readline(1024).decode("latin-1")
    status = _STATUS.match(first)
    if status is None:
        raise _not_rtsp(first, address.scheme)
    headers = parse_headers(lines)
    length = headers.get("Content-Length", "0").strip()
    size = min(int(length), _MAX_BODY_BYTES) if length.isdecimal() else 0
    body = lines.read(size).decode("utf-8", "replace") if size else ""
    return _Reply(int(status[1]), tuple(headers.get_all("WWW-Authenticate") or ()), body)


def _not_rtsp(first: str, scheme: str) -> CameraError:
    if first.startswith("HTTP/"):
        return not_opened("it speaks HTTP on this port, not RTSP: write http://, or the port of its RTSP (mostly 554)")
    if first.startswith("\x15\x03") and scheme == "rtsp":
        return not_opened("it speaks TLS on this port: write rtsps://")
    if not first:
        return not_opened("it closes the connection instead of answering: is the port that of RTSP?")
    return not_opened("it does not speak RTSP on this port: write the port of its RTSP (mostly 554)")


def _require_video(description: str) -> None:
    """Require a video stream that can be decoded in a session description (RFC 8866).

    Raises:
        CameraError: there is none.
    """
    media = re.findall(r"^m=(\w+) \d+(?:/\d+)? \S+ (\d{1,3})\b", description, re.MULTILINE)
    payloads = [payload for kind, payload in media if kind == "video"]
    if not payloads:
        what = "sound without video" if any(kind == "audio" for kind, _ in media) else "no video"
        raise not_opened(f"it offers {what} at this path: choose the path of a stream that has video")
    named = dict(re.findall(r"^a=rtpmap:(\d+) ([\w.-]{1,20})/", description, re.MULTILINE))
    names = [named.get(payload, "").upper() for payload in payloads]
    if not any(
        name in CODECS or (not name and payload in (_JPEG_PAYLOAD, _MPV_PAYLOAD))
        for name, payload in zip(names, payloads, strict=True)
    ):
        codec = names[0] if names[0] in OTHER_CODECS else f"payload {payloads[0]}"
        raise not_opened(f"it sends video in a format that is not read ({codec}): choose H.264 or MJPEG there")
