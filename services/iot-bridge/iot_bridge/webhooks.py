"""Call the webhooks of rules: each address in a lane of its own, so that a slow one holds up no other."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Full, Queue
from threading import Event, Thread
from urllib.parse import quote

import urllib3

from facewire.address import ADDRESS, shown_server
from facewire.groups import Delivery, GroupReader
from facewire.log import Log, Seldom
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from iot_bridge.payloads import event_fields, packed
from iot_bridge.rules.matching import matching
from iot_bridge.rules.model import CallWebhook, Rulebook
from iot_bridge.rules.senses import Senses

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
LANE_LIMIT = 64
PATIENCE_S = 0.05
# https://www.rfc-editor.org/rfc/rfc9110#name-client-error-4xx: wrong for ever, but for these two.
WORTH_ANOTHER_TRY = (408, 429)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be made."""

    rule: str
    webhook: CallWebhook
    key: str | None = field(repr=False)
    body: bytes
    idempotency_key: str
    done: Event = field(default_factory=Event)

    @property
    def lane(self) -> str:
        """Return host and port of the server, for people and the log; the rest of an address may be secret."""
        server = shown_server(self.webhook.url)
        return f"{server} of rule {self.rule}" if server == ADDRESS else server


def calls(book: Rulebook, event: FaceEvent, senses: Senses, secret: Callable[[str], str | None]) -> Iterator[Call]:
    """Yield what an event calls.

    Args:
        book: the rules.
        event: what happened.
        senses: the moment.
        secret: returns the value of an environment variable.
    """
    if not any(isinstance(action, CallWebhook) for rule in book.rules for action in rule.actions):
        return
    for rule in matching(book, event, senses.moment(event, book)):
        for index, action in enumerate(rule.actions):
            if isinstance(action, CallWebhook):
                key = None if action.secret_env is None else secret(action.secret_env)
                body = packed({**event_fields(event), "rule": rule.name})
                # In a header there is room for neither spaces nor what is not ASCII.
                yield Call(rule.name, action, key, body, quote(f"{event.id}:{rule.name}:{index}", safe=":"))


def signature(key: str, body: bytes, at_s: int) -> str:
    """Sign the time and the body, HMAC-SHA256 (RFC 2104) over `<time>.<body>`, so that neither can be changed."""
    mac = hmac.new(key.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


class Caller:
    """Makes requests, and tries again where that may help.

    Args:
        metrics: counts.
        log: told of what was given up.
        stop: ends a wait.
    """

    def __init__(self, metrics: Metrics, log: Log, stop: Event) -> None:
        self._metrics = metrics
        self._log = log
        self._stop = stop
        self._seldom = Seldom()

    def make(self, call: Call, pool: urllib3.PoolManager) -> bool:
        """Make one request, again if need be; False if it was of no use, which is counted."""
        wait_s = FIRST_WAIT_S
        for tries_left in range(call.webhook.retries, -1, -1):
            failure, again = self._try(call, pool)
            if not failure:
                self._metrics.count("webhooks")
                return True
            if not again or not tries_left:
                self._give_up(call, failure)
                return False
            if self._stop.wait(wait_s):
                return False
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        return False

    def _try(self, call: Call, pool: urllib3.PoolManager) -> tuple[str, bool]:
        """Return what failed, "" if nothing did, and whether another try may help."""
        try:
            answer = pool.request(
                "POST",
                call.webhook.url,
                body=call.body,
                headers=_headers(call),
                timeout=urllib3.Timeout(total=call.webhook.timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # Its text would name the address.
            return type(error).__name__, True
        # Nobody reads what it says, however long.
        answer.close()
        if 200 <= answer.status < 300:
            return "", False
        return f"status {answer.status}", answer.status >= 500 or answer.status in WORTH_ANOTHER_TRY

    def _give_up(self, call: Call, failure: str) -> None:
        self._metrics.dropped("webhook")
        if self._seldom.due(f"{call.rule} {call.lane} {failure}", time.monotonic()):
            self._log.warning("a webhook was given up", rule=call.rule, server=call.lane, failure=failure)


def _headers(call: Call) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": call.idempotency_key,
        "User-Agent": "facewire",
    }
    if call.key is not None:
        headers["X-Facewire-Signature"] = signature(call.key, call.body, int(time.time()))
    return headers


@dataclass(slots=True)
class Lane:
    """The calls of one server that wait, whether it failed last, and who makes them."""

    waiting: "Queue[Call]" = field(default_factory=lambda: Queue(LANE_LIMIT))
    failing: bool = False
    worker: Thread | None = None


class Lanes:
    """A queue and a thread for each server that is called.

    Args:
        caller: makes the requests.
        metrics: counts what found no room.
        beat: called while there is no room.
        stop: ends all.
    """

    def __init__(self, caller: Caller, metrics: Metrics, beat: Callable[[], None], stop: Event) -> None:
        self._caller = caller
        self._metrics = metrics
        self._beat = beat
        self._stop = stop
        self._lanes: dict[str, Lane] = {}

    def add(self, call: Call) -> None:
        """Take a call. Without room it waits for some, unless the server is failing: then the call is dropped."""
        lane = self._lanes.setdefault(call.lane, Lane())
        if lane.worker is None or not lane.worker.is_alive():
            lane.worker = Thread(target=self._work, args=(lane,), name=f"webhooks {call.lane}", daemon=True)
            lane.worker.start()
        while not self._stop.is_set():
            try:
                lane.waiting.put_nowait(call)
            except Full:
                if lane.failing:
                    self._metrics.dropped("webhook_no_room")
                    call.done.set()
                    return
                self._beat()
                self._stop.wait(PATIENCE_S)
            else:
                return

    def _work(self, lane: Lane) -> None:
        with urllib3.PoolManager(num_pools=1, maxsize=1) as pool:
            while not self._stop.is_set():
                call = lane.waiting.get()
                try:
                    lane.failing = not self._caller.make(call, pool)
                finally:
                    # What the end of the service broke off is not done: it comes again.
                    if not self._stop.is_set():
                        call.done.set()


class Webhooks:
    """Calls what events ask for, and acknowledges each event once all its calls were made or given up.

    Args:
        events: read as a group of its own.
        lanes: make the calls.
        find: returns the calls of an event.
        stop: ends it.
    """

    def __init__(
        self, events: GroupReader, lanes: Lanes, find: Callable[[FaceEvent], Iterator[Call]], stop: Event
    ) -> None:
        self._events = events
        self._lanes = lanes
        self._find = find
        self._stop = stop
        self._open: dict[bytes, tuple[Delivery, list[Call]]] = {}

    def run(self) -> None:
        """Call webhooks until the service stops."""
        for delivery in self._events.deliveries(self._stop, self._acknowledge_done):
            if not isinstance(delivery.message, FaceEvent):
                continue
            if delivery.entry_id in self._open:
                # What a run before left undone is read again and again until it is acknowledged.
                self._stop.wait(PATIENCE_S)
                self._acknowledge_done()
                continue
            found = list(self._find(delivery.message))
            for call in found:
                self._lanes.add(call)
            self._open[delivery.entry_id] = (delivery, found)
            self._acknowledge_done()

    def _acknowledge_done(self) -> None:
        for entry_id, (delivery, found) in list(self._open.items()):
            if all(call.done.is_set() for call in found):
                self._events.ack(delivery, self._stop)
                del self._open[entry_id]
