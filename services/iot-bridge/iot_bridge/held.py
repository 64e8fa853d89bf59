"""Hold the events whose topic the broker refuses, in order, and try them again until it takes them."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from facewire.groups import Delivery
from facewire.heartbeat import Heartbeat
from facewire.messages import FaceEvent
from iot_bridge.topics import Publication

RETRY_S = 5.0
MOST_HELD = 1000
NOTE = "held events"


class HeldEvents:
    """Events that are not acknowledged yet.

    Args:
        send: sends a message; returns whether the broker took it.
        ack: acknowledges an event.
        heartbeat: shows how many there are.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        send: Callable[[Publication], bool],
        ack: Callable[[Delivery], None],
        heartbeat: Heartbeat,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._send = send
        self._ack = ack
        self._heartbeat = heartbeat
        self._clock = clock
        self._waiting: dict[str, deque[tuple[Delivery, Publication]]] = {}
        self._entries: set[bytes] = set()
        self._tried_s = float("-inf")

    def __contains__(self, entry_id: bytes) -> bool:
        return entry_id in self._entries

    @property
    def is_full(self) -> bool:
        """Whether no more events may be held."""
        return len(self._entries) >= MOST_HELD

    def holds(self, topic: str) -> bool:
        """Say whether events of a topic wait: a newer one must not overtake them."""
        return topic in self._waiting

    def add(self, delivery: Delivery, publication: Publication) -> None:
        """Hold an event.

        Args:
            delivery: the event, to be acknowledged later; its picture is not kept.
            publication: its message.
        """
        if not self._entries:
            self._tried_s = self._clock()
        if isinstance(delivery.message, FaceEvent):
            delivery = replace(delivery, message=replace(delivery.message, snapshot=None))
        self._entries.add(delivery.entry_id)
        self._waiting.setdefault(publication.topic, deque()).append((delivery, publication))
        self._show()

    def retry(self) -> None:
        """Try the oldest event of each topic again, and those after it if the broker takes it; called often."""
        if not self._entries or self._clock() - self._tried_s < RETRY_S:
            return
        self._tried_s = self._clock()
        for topic, waiting in list(self._waiting.items()):
            while waiting and self._send(waiting[0][1]):
                delivery, _ = waiting.popleft()
                self._ack(delivery)
                self._entries.discard(delivery.entry_id)
            if not waiting:
                del self._waiting[topic]
        self._show()

    def _show(self) -> None:
        count = len(self._entries)
        self._heartbeat.note(NOTE, f"{count} that the broker refuses" if count else "")
