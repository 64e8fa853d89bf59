"""Read pictures from a camera over HTTP: a stream of pictures, or a still picture that is asked for again and again."""

import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from threading import Event

from capture.decoding import decoded
from capture.http_client import NOT_MODIFIED, Answer, HttpClient
from capture.image_stream import ImageStream
from capture.pacing import Limiter
from capture.trouble import CameraError, not_opened
from facewire.metrics import Metrics
from facewire.pixels import Picture

POLL_EVERY_S = 0.5
"""A still picture is asked for twice a second: most cameras make no more, and a track outlives a pause of 1 s."""
_MORE_WITHIN_S = 1.0
"""A stream that calls itself a picture sends its second within this."""
_HEAD_BYTES = 4096
_BROKEN = "sends pictures that are broken, or exceed 16 MB or 16 million pixels: choose a smaller size there"
_TEXT_KINDS = ("text/html", "text/plain", "text/xml", "application/json", "application/xml", "application/xhtml+xml")
_IMAGE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_PART = re.compile(rb"\s*(?:--|content-(?:type|length)\s*:)", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"\s*(?:<!doctype|<html|<\?xml|[{\[]\s*[\"\]}])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Video:
    """What FFmpeg has to play: not pictures but a video stream or a playlist.

    Args:
        url: where it is, with credentials where they may be sent there.
        content_type: what the camera calls it.
    """

    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How a camera is read: silence in seconds after which it is lost, and the most pictures a second."""

    timeout_s: float
    fps: float


class HttpCamera:
    """A camera that is asked over HTTP.

    Args:
        uri: its address.
        limits: how it is read.
        metrics: times and counts pictures.
        stop: ends the reading.
    """

    def __init__(self, uri: str, limits: HttpLimits, metrics: Metrics, stop: Event) -> None:
        self._client = HttpClient(uri, limits.timeout_s)
        self._limits = limits
        self._metrics = metrics
        self._stop = stop
        self._limiter = Limiter(limits.fps)

    def pictures(self) -> Iterator[Picture | Video]:
        """Yield the camera's pictures, (height, width, 3) uint8 BGR; or the one `Video` that it is instead.

        Raises:
            CameraError: it gives none, or no more.
        """
        with self._client.get() as answer:
            head = self._head(answer)
            _require_media(answer.content_type, head)
            is_video, still = not _holds_pictures(answer.content_type, head), None
            if not is_video:
                still = yield from self._stream(answer, head)
        # Only now: some cameras have one connection at a time.
        if is_video:
            yield Video(answer.url, answer.content_type)
        elif still is not None:
            yield from self._poll(still, answer.etag)

    def _head(self, answer: Answer) -> bytes:
        head = b""
        while len(head) < _HEAD_BYTES and not _IMAGE.search(head):
            try:
                more = answer.read(self._limits.timeout_s)
            except TimeoutError:
                if head:
                    break
                raise not_opened("it answers and sends nothing: restart the camera, or check the path") from None
            if not more:
                break
            head += more
        return head

    def _stream(self, answer: Answer, head: bytes) -> Generator[Picture, None, bytes | None]:
        """Yield the pictures of one answer; return the only one where the answer is a still picture.

        Raises:
            CameraError: the stream ended or fell silent.
        """
        stream, data, last = ImageStream(), head, b""
        is_parted = answer.content_type.startswith("multipart/") or _PART.match(head) is not None
        due_s = time.monotonic() + self._limits.timeout_s
        while not self._stop.is_set():
            for image in stream.feed(data) if data else stream.finish() if answer.whole else ():
                last = image
                if not self._limiter.due(time.monotonic()):
                    self._metrics.dropped("above_frame_fps")
                elif (picture := self._decode(image)) is None:
                    continue
                else:
                    yield picture
                due_s = time.monotonic() + self._limits.timeout_s
            still = last if stream.found == 1 and not is_parted else None
            if not data:
                if still is None:
                    raise _ended(stream, answer.content_type)
                return still
            within_s = _MORE_WITHIN_S if still and not stream.unfinished else due_s - time.monotonic()
            try:
                data = answer.read(within_s)
            except TimeoutError:
                if still:
                    return still
                raise _silent(stream, self._limits.timeout_s) from None
        return None

    def _decode(self, image: bytes) -> Picture | None:
        with self._metrics.stage("decode"):
            picture = decoded(image)
        if picture is None:
            self._metrics.dropped("broken_picture")
        return picture

    def _poll(self, last: bytes, etag: dict[str, str]) -> Iterator[Picture]:
        """Ask for a still picture over and over; one that did not change counts as taken again.

        Ends where the camera sends a stream by now.

        Raises:
            CameraError: there was none for as long as a camera may be silent.
        """
        every_s = max(POLL_EVERY_S, 1 / self._limits.fps)
        asked_s = seen_s = time.monotonic()
        while not self._stop.wait(max(0.0, asked_s + every_s - time.monotonic())):
            asked_s = time.monotonic()
            error, picture = CameraError(_BROKEN), None
            try:
                again = self._ask_again(last, etag)
                if again is None:
                    return
                last, etag = again
                picture = self._decode(last)
            except CameraError as why:
                error = why
            if picture is not None:
                seen_s = time.monotonic()
                yield picture
            elif error.seldom or time.monotonic() - seen_s > self._limits.timeout_s:
                raise error
            # Else it was busy, as cameras are now and then.

    def _ask_again(self, last: bytes, etag: dict[str, str]) -> tuple[bytes, dict[str, str]] | None:
        """Return the picture and its validators; None where a stream comes instead."""
        with self._client.get(etag) as answer:
            if answer.status == NOT_MODIFIED:
                return last, etag
            if answer.content_type.startswith("multipart/"):
                return None
            stream, body, due_s = ImageStream(), b"", time.monotonic() + self._limits.timeout_s
            while True:
                try:
                    data = answer.read(due_s - time.monotonic())
                except TimeoutError:
                    raise CameraError("takes too long for its picture: raise CAMERA_TIMEOUT_S") from None
                for image in stream.feed(data) if data else stream.finish() if answer.whole else ():
                    return image, answer.etag
                if not data:
                    break
                body = (body + data)[:_HEAD_BYTES]
            _require_media(answer.content_type, body)
            raise CameraError("sends no whole picture any more")


def _holds_pictures(content_type: str, head: bytes) -> bool:
    if content_type.startswith(("multipart/", "image/")) or _PART.match(head):
        return True
    first = _IMAGE.search(head)
    # A video may hold a cover picture; a stream of pictures begins with one, or with a few headers.
    return first is not None and (first.start() == 0 or not content_type.startswith(("video/", "audio/")))


def _require_media(content_type: str, head: bytes) -> None:
    if _IMAGE.search(head) or content_type.startswith("multipart/"):
        return
    if not head.strip():
        raise not_opened("it answers with nothing: check the path of its address")
    if (_WEB_PAGE.match(head) and b"<MPD" not in head) or (
        content_type in _TEXT_KINDS and not head.startswith(b"#EXTM3U")
    ):
        what = content_type if content_type in _TEXT_KINDS else "text"
        raise not_opened(f"it answers with a page ({what}), no video: its address must be that of the stream itself")
    if content_type.startswith("audio/") and not head.startswith(b"#EXTM3U"):
        raise not_opened("it sends sound without video: choose the path of a stream that has video")


def _ended(stream: ImageStream, content_type: str) -> CameraError:
    if stream.found:
        return CameraError("stopped sending pictures: it closed the connection")
    if stream.broken:
        return CameraError(_BROKEN)
    if stream.unfinished:
        return CameraError("closes the connection in the midst of its first picture: restart it, or check the network")
    if content_type.startswith("image/"):
        return not_opened("it sends a kind of picture that is not read: choose JPEG, PNG or WebP there")
    return not_opened("it closes the connection without a picture: check the path of its address")


def _silent(stream: ImageStream, timeout_s: float) -> CameraError:
    within = f"for {timeout_s:g} s (CAMERA_TIMEOUT_S)"
    if stream.found:
        return CameraError(f"stopped sending pictures: none came that can be read {within}")
    if stream.broken:
        return CameraError(_BROKEN)
    if stream.unfinished:
        return CameraError(f"sends too slowly: no picture was whole {within}; choose smaller pictures there")
    return not_opened(f"it answers, and no picture came {within}: restart the camera")
