"""Collect an HTTP request until it is whole, within bounds."""

import re
from dataclasses import dataclass, field

HEAD_BYTES = 16 * 1024
BODY_BYTES = 64 * 1024
LENGTH_DIGITS = len(str(BODY_BYTES)) + 1
HEAD_END = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([0-9]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
TRANSFER_ENCODING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)


class RefusedRequestError(Exception):
    """A request that is not read to its end.

    Args:
        status: the status line's code and reason.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class RequestBuffer:
    """Holds the received bytes of requests that are not answered yet."""

    _bytes: bytearray = field(default_factory=bytearray)
    _length: int = 0
    """The first request's bytes; 0 while its head is not whole."""

    def __len__(self) -> int:
        return len(self._bytes)

    def add(self, data: bytes) -> None:
        """Append what has come."""
        self._bytes += data

    def take(self) -> bytes | None:
        """Return the first request and remove it; None while it is not whole.

        Raises:
            RefusedRequestError: it is too large, or its length is not told beforehand.
        """
        self._length = self._length or self._measured()
        if not self._length or len(self._bytes) < self._length:
            return None
        request = bytes(self._bytes[: self._length])
        del self._bytes[: self._length]
        self._length = 0
        return request

    def _measured(self) -> int:
        # Empty lines before a request are of no meaning (RFC 9112, 2.2).
        while self._bytes.startswith(b"\r\n"):
            del self._bytes[:2]
        end = self._bytes.find(HEAD_END, 0, HEAD_BYTES)
        if end < 0:
            if len(self._bytes) >= HEAD_BYTES:
                raise RefusedRequestError("431 Request Header Fields Too Large")
            return 0
        head = bytes(self._bytes[: end + 2])
        if TRANSFER_ENCODING.search(head):
            # Both lengths at once are how requests are smuggled past a proxy (RFC 9112, 6.1).
            raise RefusedRequestError("400 Bad Request" if CONTENT_LENGTH.search(head) else "411 Length Required")
        # Of several that differ, the parser refuses the request.
        lengths = [length.lstrip(b"0") for length in CONTENT_LENGTH.findall(head)]
        # Digits are counted first, since Python converts no number of thousands of them.
        body = max((int(length[:LENGTH_DIGITS] or b"0") for length in lengths), default=0)
        if body > BODY_BYTES:
            raise RefusedRequestError("413 Content Too Large")
        return end + len(HEAD_END) + body
