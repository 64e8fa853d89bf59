"""Carry events to the store without making the frame path wait for its disk."""

from collections import deque
from threading import Event, Thread

from facewire import keys
from facewire.link import Link, RedisAwayError, RedisRefusedError
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.streams import Publisher

# Hours of a busy door; beyond that the oldest events go, and are counted.
LIMIT = 10_000
RETRY_S = 0.5


class Outbox:
    """A queue and the one thread that empties it.

    The store writes every entry to disk, which may take an SD card 50 ms; the next frame comes in 33.

    Args:
        link: the store.
        metrics: counts events that had to be dropped.
    """

    def __init__(self, link: Link, metrics: Metrics) -> None:
        self._link = link
        self._publisher = Publisher(link, keys.EVENTS, metrics)
        self._metrics = metrics
        self._highest_id = 0
        self._waiting: deque[FaceEvent] = deque()
        self._arrived = Event()
        self._closing = Event()
        self._thread = Thread(target=self._carry, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: FaceEvent) -> None:
        """Hand over an event; it is delivered in order as soon as the store is there."""
        if len(self._waiting) >= LIMIT:
            self._waiting.popleft()
            self._metrics.dropped("outbox_full")
        self._waiting.append(event)
        self._arrived.set()

    def close(self, wait_s: float = 3.0) -> None:
        """Deliver what is left if the store allows, and end."""
        self._closing.set()
        self._arrived.set()
        self._thread.join(wait_s)
        if self._waiting:
            self._metrics.dropped("outbox_closed", len(self._waiting))

    def _carry(self) -> None:
        while True:
            self._arrived.wait()
            self._arrived.clear()
            while self._waiting and self._deliver(self._waiting[0]):
                self._waiting.popleft()
            if self._closing.is_set():
                return

    def _deliver(self, event: FaceEvent) -> bool:
        try:
            self._remember(event.track_id)
            self._publisher.append(event)
        except RedisAwayError:
            self._closing.wait(RETRY_S)
            self._arrived.set()
            return False
        except RedisRefusedError as error:
            # One event that the store will never take must not hold up the others.
            self._metrics.error(type(error).__name__)
            self._metrics.dropped("event_refused")
        return True

    def _remember(self, track_id: int) -> None:
        # A face that came later may be confirmed earlier: the highest id counts, not the latest.
        if track_id > self._highest_id:
            self._link.once(lambda client: client.set(keys.TRACK_ID, track_id))
            self._highest_id = track_id
