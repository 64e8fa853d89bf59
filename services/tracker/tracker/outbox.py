"""Carry events to the store without making the frame path wait for its disk."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from threading import Event, Thread

from facewire import keys
from facewire.link import Link, RedisAwayError, RedisRefusedError
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.retention import CHECK_EVERY_S, Retention
from facewire.streams import Publisher
from facewire.visits import Past, keep, note, rewrite
from tracker.visits import endings

# Hours of a busy door; beyond that the oldest events go, and are counted.
LIMIT = 10_000
RETRY_S = 0.5
ENTRY_BYTES = 512
"""About the size of an event without its picture."""


class Outbox:
    """A queue and the one thread that empties it.

    The store writes every entry to disk, which may take an SD card 50 ms; the next frame comes in 33.

    Args:
        link: the store.
        metrics: counts events that had to be dropped.
        past: what earlier runs left on the store.
    """

    def __init__(self, link: Link, metrics: Metrics, past: Past) -> None:
        self._link = link
        self._publisher = Publisher(link, keys.EVENTS, metrics)
        self._retention = Retention()
        self._metrics = metrics
        self._highest_id = past.last_id
        self._visits = dict(past.open)
        self._link = link
        # A list is of visits that are written again and told to nobody.
        self._waiting: deque[FaceEvent | list[FaceEvent]] = deque()
        self._arrived = Event()
        self._closing = Event()
        self._thread = Thread(target=self._carry, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: FaceEvent) -> None:
        """Hand over an event; it is delivered in order as soon as the store is there."""
        if len(self._waiting) >= LIMIT:
            self._waiting.popleft()
            self._metrics.dropped("outbox_full")
        note(self._visits, event)
        self._waiting.append(event)
        self._arrived.set()

    def close_visits(self, seen_ns: Mapping[str, int]) -> None:
        """Tell of everybody who has come that they are gone, since nobody follows them any more.

        Args:
            seen_ns: when each camera's faces were last followed, where that is known.
        """
        for event in endings(self._visits, seen_ns):
            self.put(event)

    def shift(self, camera: str, jump_ns: int) -> None:
        """Shift the stored open visits of a camera after a clock jump."""
        shifted = {
            name: replace(event, started_ns=max(1, event.started_ns + jump_ns), at_ns=max(1, event.at_ns + jump_ns))
            for name, event in self._visits.items()
            if event.camera == camera
        }
        if shifted:
            self._visits |= shifted
            self._waiting.append(list(shifted.values()))
            self._arrived.set()

    @property
    def cameras(self) -> set[str]:
        """The cameras in which somebody has not left yet."""
        return {event.camera for event in self._visits.values()}

    def close(self, wait_s: float = 3.0) -> None:
        """Deliver what is left if the store allows, and end."""
        self._closing.set()
        self._arrived.set()
        self._thread.join(wait_s)
        if self._waiting:
            self._metrics.dropped("outbox_closed", len(self._waiting))

    def _carry(self) -> None:
        while True:
            self._bound()
            self._arrived.wait(CHECK_EVERY_S)
            self._arrived.clear()
            while self._waiting and self._deliver(self._waiting[0]):
                self._waiting.popleft()
                self._bound()
            if self._closing.is_set():
                return

    def _bound(self) -> None:
        """Keep the store within its memory, at the start and whenever it is due."""
        if not self._retention.due:
            return
        try:
            removed = self._link.once(self._retention.enforce)
        except (RedisAwayError, RedisRefusedError) as error:
            self._metrics.error(type(error).__name__)
            return
        if removed:
            self._metrics.count("store_shortened", removed)

    def _deliver(self, event: FaceEvent | list[FaceEvent]) -> bool:
        try:
            if isinstance(event, list):
                self._link.once(lambda client: rewrite(client, event))
                return True
            self._publisher.append(event, lambda client: keep(client, event, self._highest_id))
        except RedisAwayError:
            self._closing.wait(RETRY_S)
            self._arrived.set()
            return False
        except RedisRefusedError as error:
            # One event that the store will never take must not hold up the others.
            self._metrics.error(type(error).__name__)
            self._metrics.dropped("event_refused")
            if isinstance(event, list):
                return True
        self._highest_id = max(self._highest_id, event.track_id)
        self._retention.appended(ENTRY_BYTES + len(event.snapshot or b""))
        return True
