"""Find the pictures in a stream of bytes, whatever stands between them.

Cameras disagree on boundaries, part headers and lengths, so all of these are looked past: a picture begins with its
signature and ends where its own structure ends. Embedded thumbnails lie inside of segments, which have a length.
"""

import re
from collections.abc import Iterator

MAX_IMAGE_BYTES = 16_000_000
"""No camera's picture is as big; what goes on longer is none."""
MAX_PIXELS = 4096 * 4096
"""Decoded, this is 50 MB; a few bytes can claim far more."""

_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_LONGEST_SIGNATURE = 12
# In what is between two markers of a JPEG's picture data, these are part of the data: stuffing, restarts, fill bytes.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_LENGTH_FIELD = re.compile(rb"content-length\s*:\s*(\d{1,9})", re.IGNORECASE)
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_ALONE = (0x01, *range(0xD0, 0xD8))
_FRAME_HEADERS = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
_HEADER_BYTES = 4096


class NotAnImageError(Exception):
    """What began like a picture is none."""


class ImageStream:
    """Collects bytes and yields the pictures in them: JPEG, PNG or WebP files.

    Args:
        max_bytes: the most that one picture may have.
    """

    def __init__(self, max_bytes: int = MAX_IMAGE_BYTES) -> None:
        self.found = 0
        self.broken = 0
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._started = False
        self._told_length: int | None = None
        self._at = 0
        self._searched = 0
        self._lacked_end = False

    @property
    def unfinished(self) -> bool:
        """Whether a picture has begun and is not at its end."""
        return self._started

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the pictures that are complete with these bytes."""
        self._data += data
        while True:
            if not self._started and not self._begin():
                return
            try:
                end = self._end()
            except NotAnImageError:
                self._skip()
                continue
            if end is None:
                if len(self._data) <= self._max_bytes:
                    return
                self._skip()
                continue
            yield self._take(end)

    def finish(self) -> Iterator[bytes]:
        """Yield the last picture of a stream that was sent whole, though it has no end of its own."""
        if self._started and self._data[:1] == b"\xff":
            yield self._take(len(self._data))

    def _begin(self) -> bool:
        start = _SIGNATURES.search(self._data)
        if start is None:
            # A signature may have come in part, and the headers before it may tell a length.
            del self._data[: -_HEADER_BYTES - _LONGEST_SIGNATURE]
            return False
        told = [*_LENGTH_FIELD.finditer(self._data, max(0, start.start() - _HEADER_BYTES), start.start())]
        self._told_length = int(told[-1][1]) if told else None
        del self._data[: start.start()]
        self._started, self._at, self._searched = True, 2, 0
        return True

    def _take(self, end: int) -> bytes:
        image = bytes(self._data[:end])
        del self._data[:end]
        self._started = False
        self.found += 1
        return image

    def _skip(self) -> None:
        """Pass over a broken picture: to where it was told to end, else to the next signature."""
        self.broken += 1
        length = self._told_length
        end = 2 if length is None or not 2 <= length <= len(self._data) else length
        del self._data[:end]
        self._started = False

    def _end(self) -> int | None:
        """Return where the picture ends; None while that has not come.

        Raises:
            NotAnImageError: its structure is broken.
        """
        if self._data[:1] == b"\xff":
            return self._jpeg_end()
        return self._png_end() if self._data[:1] == b"\x89" else self._webp_end()

    def _jpeg_end(self) -> int | None:
        while self._at + 2 <= len(self._data):
            if self._data[self._at] != 0xFF:
                raise NotAnImageError
            marker = self._data[self._at + 1]
            if marker == _EOI:
                self._lacked_end = False
                return self._at + 2
            if marker == _SOI:
                return self._require_habit(self._at)
            if marker == 0xFF or marker in _ALONE:
                self._at += 1 if marker == 0xFF else 2
                continue
            after = self._segment_end(marker)
            if after is None:
                return None
            self._at = after
        return None

    def _segment_end(self, marker: int) -> int | None:
        """Return where the next marker is after a segment and what data follow it; None while that has not come.

        Raises:
            NotAnImageError: the segment cannot be, or the picture would be too big.
        """
        start = self._at + 2
        is_frame_header = marker in _FRAME_HEADERS
        if len(self._data) < start + (7 if is_frame_header else 2):
            return None
        length = int.from_bytes(self._data[start : start + 2], "big")
        if marker == 0x00 or length < 2:
            raise NotAnImageError
        if is_frame_header:
            _require_small(self._data[start + 3 : start + 5], self._data[start + 5 : start + 7])
        after = start + length
        if marker != _SOS:
            return after
        found = _MARKER.search(self._data, max(after, self._searched))
        if found is None:
            self._searched = max(after, len(self._data) - 1)
            return None
        return found.start()

    def _require_habit(self, end: int) -> int:
        """Return where a picture ends that lacks its end mark, as it was sent whole or its camera never marks ends.

        Raises:
            NotAnImageError: it was cut.
        """
        usual, self._lacked_end = self._lacked_end, True
        if usual or (self._told_length is not None and self._told_length <= end):
            return end
        self._told_length = end
        raise NotAnImageError

    def _png_end(self) -> int | None:
        if len(self._data) < 24:
            return None
        _require_small(self._data[16:20], self._data[20:24])
        at = max(8, self._at)
        while at + 8 <= len(self._data):
            length, kind = int.from_bytes(self._data[at : at + 4], "big"), self._data[at + 4 : at + 8]
            if length > self._max_bytes or not kind.isalpha():
                raise NotAnImageError
            after = at + 12 + length
            if kind == b"IEND":
                return after if after <= len(self._data) else None
            at = self._at = after
        return None

    def _webp_end(self) -> int | None:
        length = int.from_bytes(self._data[4:8], "little") + 8
        if length > self._max_bytes:
            raise NotAnImageError
        return length if length <= len(self._data) else None


def _require_small(height: bytearray, width: bytearray) -> None:
    """Require that two numbers, in either order, are the sides of a picture that may be decoded.

    Raises:
        NotAnImageError: they are not.
    """
    if int.from_bytes(height, "big") * int.from_bytes(width, "big") > MAX_PIXELS:
        raise NotAnImageError
