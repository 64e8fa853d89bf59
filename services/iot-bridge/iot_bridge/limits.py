"""Know the largest packet that the broker takes, told or learned, and fit messages into it."""

from collections.abc import Iterable
from threading import Lock
from time import monotonic

from facewire.heartbeat import Heartbeat
from facewire.log import Log, Seldom
from facewire.metrics import Metrics
from iot_bridge.packets import LARGEST, SMALLEST_LIMIT, fitted, packet_size
from iot_bridge.receipts import Receipt
from iot_bridge.topics import Publication

NOTE = "mqtt limit"
SUSPECT_BYTES = SMALLEST_LIMIT
STRIKES = 2
FORGET_AFTER_S = 3600.0
"""Then a limit that was only learned is tried again: the broker may take more by now."""


class PacketLimit:
    """The limit of the current broker.

    A broker of MQTT 5 tells it. Another one cuts the connection: if that happens twice in a row with a large message
    on its way, a message of that size counts as too large, and half of it as the limit.

    Args:
        heartbeat: shows the limit.
        metrics: counts what is shrunk or dropped.
        log: told of the same.
    """

    def __init__(self, heartbeat: Heartbeat, metrics: Metrics, log: Log) -> None:
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._seldom = Seldom()
        self._lock = Lock()
        self._told = self._learned = LARGEST
        self._learned_s = 0.0
        self._strikes = 0
        self._dropped: dict[str, int] = {}

    @property
    def largest(self) -> int:
        """The most bytes that a packet may have."""
        if self._learned < LARGEST and monotonic() - self._learned_s > FORGET_AFTER_S:
            self._learned = LARGEST
        return min(self._told, self._learned)

    def tell(self, largest: int) -> None:
        """Take in what the broker says at the beginning of a connection."""
        self._told = largest
        self._note()

    def fit(self, publication: Publication) -> Publication | None:
        """Return the message, shrunk if need be; None if it is too large, which is counted and shown."""
        limit = self.largest
        size = packet_size(publication)
        if size <= limit:
            return publication
        found = fitted(publication, limit)
        if found is not None:
            self._metrics.count("shrunk_messages")
            return found
        self._metrics.dropped("above_packet_limit")
        kind = publication.topic.rpartition("/")[2]
        with self._lock:
            self._dropped[kind] = self._dropped.get(kind, 0) + 1
        self._note()
        if self._seldom.due(publication.topic, monotonic()):
            self._log.warning(
                "a message is larger than the broker takes, and dropped; raise its packet limit",
                topic=publication.topic,
                bytes=size,
                limit=limit,
            )
        return None

    def exceeded(self, size: int) -> bool:
        """Take in that a packet of so many bytes was too large; returns whether the limit changed."""
        learned = max(SMALLEST_LIMIT, size // 2) if size > SMALLEST_LIMIT else size - 1
        if learned >= self.largest:
            return False
        self._learned, self._learned_s, self._strikes = learned, monotonic(), 0
        self._log.warning("the broker takes no packets of this size", bytes=size, limit=learned)
        self._note()
        return True

    def cut_off(self, unanswered: Iterable[Receipt], *, told: bool) -> bool:
        """Take in that the broker ended a connection; returns whether that has to do with a large message.

        Args:
            unanswered: messages that it had not confirmed.
            told: whether it said that a packet was too large.
        """
        largest = max((packet_size(receipt.publication) for receipt in unanswered), default=0)
        self._strikes = self._strikes + 1 if largest > SUSPECT_BYTES else 0
        if (told and largest) or self._strikes >= STRIKES:
            self.exceeded(largest)
        return largest > SUSPECT_BYTES

    def stands(self) -> None:
        """Take in that a connection has lasted: the next loss has nothing to do with an earlier one."""
        self._strikes = 0

    def _note(self) -> None:
        if self.largest == LARGEST:
            self._heartbeat.note(NOTE, "")
            return
        with self._lock:
            dropped = ", ".join(f"{count} {kind}" for kind, count in sorted(self._dropped.items()))
        more = f"; dropped as too large: {dropped}; raise the broker's packet limit" if dropped else ""
        self._heartbeat.note(NOTE, f"the broker takes packets of up to {self.largest} bytes{more}")
