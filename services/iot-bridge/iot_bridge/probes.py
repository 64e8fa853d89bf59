"""Decide which states are sent with QoS 1, so that a broker that refuses their topic is noticed."""

from threading import Lock
from time import monotonic

from iot_bridge.receipts import Receipt
from iot_bridge.topics import Publication, Topics

EVERY_S = 300.0
RETRY_S = 10.0


class Probes:
    """The states of one connection whose topics the broker has not confirmed yet, and when others were confirmed.

    States are sent with QoS 0, which nobody confirms: with QoS 1, a broker keeps all of them for each subscriber that
    is away. So of each topic only the first on a connection, and then one in a while, is sent with QoS 1.

    Args:
        topics: the bridge's own.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._lock = Lock()
        self._asked_s: dict[str, float] = {}
        self._open: dict[str, Publication] = {}

    def wants(self, publication: Publication) -> bool:
        """Say whether a message's topic is to be probed; a retained one is kept until it was."""
        kind, now_s = self._kind(publication.topic), monotonic()
        with self._lock:
            due = now_s - self._asked_s.get(kind, float("-inf")) > EVERY_S
            if publication.retain and (due or kind in self._open):
                self._open[kind] = publication
            return due

    def sent(self, publication: Publication) -> None:
        """Take in that a message was sent with QoS 1."""
        with self._lock:
            self._asked_s[self._kind(publication.topic)] = monotonic()

    def take(self, receipt: Receipt) -> None:
        """Take in the broker's answer."""
        if not receipt.refused:
            with self._lock:
                self._open.pop(self._kind(receipt.publication.topic), None)

    def due(self, most: int) -> list[Publication]:
        """Return retained messages that the broker has not confirmed and that are to be sent again now."""
        if not self._open:
            return []
        now_s = monotonic()
        with self._lock:
            found = [
                publication
                for kind, publication in self._open.items()
                if now_s - self._asked_s.get(kind, float("-inf")) > RETRY_S
            ]
        return found[: max(0, most)]

    def _kind(self, topic: str) -> str:
        """Return the topics of which one stands for all: people, and descriptions of entities; else the topic."""
        people = self._topics.person("")
        if topic.startswith(people):
            return people
        return "/config" if topic.endswith("/config") else topic
