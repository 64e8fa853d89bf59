"""Decode stream entries, and normalise the names in them."""

from time import monotonic
from typing import TypeVar

from facewire import codec, keys
from facewire.log import Log, Seldom
from facewire.messages import Message
from facewire.metrics import Metrics
from facewire.names import InvalidNameError, normalised

M = TypeVar("M", bound=Message)


class Intake:
    """Decodes entries; what is malformed is counted, logged once a minute, and dropped.

    Args:
        metrics: counts.
        log: told.
        tells: False drops it in silence, where another reader of the same entries tells of it.
    """

    def __init__(self, metrics: Metrics, log: Log, *, tells: bool = True) -> None:
        self._metrics = metrics
        self._log = log
        self._tells = tells
        self._seldom = Seldom()

    def decode(self, fields: dict[bytes, bytes], expected: type[M], key: str) -> M | None:
        """Return the entry's message, or None when it is none."""
        try:
            message, invalid = normalised(codec.decode(fields.get(keys.FIELD, b""), expected))
        except (codec.RejectedMessageError, InvalidNameError) as error:
            self._tell(key, error)
            return None
        for each in invalid:
            self._tell(key, each)
        return message

    def trimmed(self, prefix: str, count: int) -> None:
        """Count entries that were trimmed before this reader was done with them."""
        if self._tells and count:
            self._metrics.dropped(f"{prefix}_trimmed", count)

    def _tell(self, key: str, error: codec.RejectedMessageError | InvalidNameError) -> None:
        if not self._tells:
            return
        self._metrics.rejected(error.reason)
        if self._seldom.due(f"{key} {error.reason}", monotonic()):
            self._log.warning("message rejected", stream=key, problem=str(error))
