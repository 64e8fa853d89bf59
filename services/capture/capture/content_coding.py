"""Undo the compression of an HTTP body: some servers compress though they are asked not to (RFC 9110, 8.4.1)."""

import zlib

CODINGS = ("gzip", "x-gzip", "deflate")
_MOST_BYTES = 1_000_000
"""So much at a time: a few bytes can claim far more."""


class Inflater:
    """Inflates a body that comes in pieces."""

    def __init__(self) -> None:
        # 32 + 15: gzip or zlib, whichever it begins with.
        self._inflating = zlib.decompressobj(wbits=47)
        self._waiting = b""

    @property
    def waiting(self) -> bool:
        """Whether there is more of what was fed."""
        return bool(self._waiting)

    def feed(self, data: bytes = b"") -> bytes:
        """Return a piece of the body; empty where more has to come.

        Raises:
            ValueError: it is not compressed as it says.
        """
        try:
            piece = self._inflating.decompress(self._waiting + data, _MOST_BYTES)
        except zlib.error:
            raise ValueError("not compressed as it says") from None
        self._waiting = self._inflating.unconsumed_tail
        return piece
