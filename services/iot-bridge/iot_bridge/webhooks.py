"""Call the webhooks of rules, with an independent queue for each server."""

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread
from urllib.parse import quote

from facewire.address import ADDRESS, shown_server
from facewire.groups import Delivery, GroupReader
from facewire.log import Log, Seldom
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from iot_bridge.event_age import age_s
from iot_bridge.http_post import PostError, post
from iot_bridge.payloads import event_fields, packed
from iot_bridge.rules.matching import matching
from iot_bridge.rules.model import CallWebhook, Rulebook
from iot_bridge.rules.senses import Senses

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
QUEUE_LIMIT = 256
"""The limit of waiting calls per server; beyond it the oldest is dropped."""
MOST_QUEUES = 64
"""Servers beyond so many share one queue, so that threads are bounded."""
IDLE_S = 10.0
"""A thread without work ends after this long."""
# https://www.rfc-editor.org/rfc/rfc9110#name-client-error-4xx: wrong for ever, but for these two.
WORTH_ANOTHER_TRY = (408, 429)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be made.

    Args:
        rule: the rule's name.
        webhook: the action.
        key: of the signature; None: not signed.
        body: the JSON that is sent.
        idempotency_key: the same for each try.
        at_ns: the event's time.
        max_age_s: the greatest age of the event at which the call is made.
        done: set once the call was made or dropped.
    """

    rule: str
    webhook: CallWebhook
    key: str | None = field(repr=False)
    body: bytes
    idempotency_key: str
    at_ns: int
    max_age_s: float
    done: Event = field(default_factory=Event)

    @property
    def server(self) -> str:
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
                name = quote(f"{event.id}:{rule.name}:{index}", safe=":")
                yield Call(rule.name, action, key, body, name, event.at_ns, rule.max_age_s)


def signature(key: str, body: bytes, at_s: int) -> str:
    """Sign the time and the body, HMAC-SHA256 (RFC 2104) over `<time>.<body>`, so that neither can be changed."""
    mac = hmac.new(key.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


class Caller:
    """Makes requests, and tries again where that may help.

    Args:
        metrics: counts.
        log: told of dropped calls.
        stop: ends a wait.
    """

    def __init__(self, metrics: Metrics, log: Log, stop: Event) -> None:
        self._metrics = metrics
        self._log = log
        self._stop = stop
        self._seldom = Seldom()

    def make(self, call: Call, until_s: float) -> None:
        """Make one request, again if need be; a failure is counted.

        Args:
            call: the request.
            until_s: the moment of the monotonic clock from which on the event is too old.
        """
        wait_s = FIRST_WAIT_S
        for tries_left in range(call.webhook.retries, -1, -1):
            if time.monotonic() > until_s:
                self.drop_late(call)
                return
            failure, again = self._try(call)
            if not failure:
                self._metrics.count("webhooks")
                return
            if not again or not tries_left:
                self._give_up(call, failure)
                return
            if self._stop.wait(wait_s):
                return
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def drop_late(self, call: Call) -> None:
        """Count and log a call that was dropped for the age of its event."""
        self._metrics.dropped("late_webhook")
        if self._seldom.due(f"{call.rule} {call.server} late", time.monotonic()):
            self._log.warning(
                "a webhook was not called: its event is too old",
                rule=call.rule,
                server=call.server,
                max_age_s=call.max_age_s,
            )

    def _try(self, call: Call) -> tuple[str, bool]:
        """Return the failure, "" for none, and whether another try may help."""
        try:
            status = post(call.webhook.url, call.body, _headers(call), call.webhook.timeout_s)
        except PostError as error:
            return str(error), True
        if 200 <= status < 300:
            return "", False
        return f"status {status}", status >= 500 or status in WORTH_ANOTHER_TRY

    def _give_up(self, call: Call, failure: str) -> None:
        self._metrics.dropped("webhook")
        if self._seldom.due(f"{call.rule} {call.server} {failure}", time.monotonic()):
            self._log.warning("a webhook was given up", rule=call.rule, server=call.server, failure=failure)


def _headers(call: Call) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": call.idempotency_key,
        "User-Agent": "facewire",
    }
    if call.key is not None:
        headers["X-Facewire-Signature"] = signature(call.key, call.body, int(time.time()))
    return headers


class ServerQueue:
    """The waiting calls of one server, and the thread that makes them.

    Args:
        name: of the thread.
        caller: makes the requests.
        metrics: counts dropped calls.
        stop: ends it.
    """

    def __init__(self, name: str, caller: Caller, metrics: Metrics, stop: Event) -> None:
        self._name = name
        self._caller = caller
        self._metrics = metrics
        self._stop = stop
        self._waiting: deque[tuple[Call, float]] = deque()
        self._changed = Condition(Lock())
        self._works = False

    def add(self, call: Call, until_s: float) -> None:
        """Append a call; never blocks. Without room the oldest call that waits is dropped."""
        with self._changed:
            if len(self._waiting) >= QUEUE_LIMIT:
                oldest, _ = self._waiting.popleft()
                oldest.done.set()
                self._metrics.dropped("webhook_no_room")
            self._waiting.append((call, until_s))
            self._changed.notify()
            if not self._works:
                self._works = True
                Thread(target=self._work, name=self._name, daemon=True).start()

    def _next(self) -> tuple[Call, float] | None:
        with self._changed:
            if not self._waiting:
                self._changed.wait(IDLE_S)
            if self._waiting and not self._stop.is_set():
                return self._waiting.popleft()
            self._works = False
            return None

    def _work(self) -> None:
        while (found := self._next()) is not None:
            call, until_s = found
            try:
                self._caller.make(call, until_s)
            finally:
                # A call that the end of the service cut short is not done: its event comes again.
                if not self._stop.is_set():
                    call.done.set()


class ServerQueues:
    """A queue for each server.

    Args:
        caller: makes the requests.
        metrics: counts dropped calls.
        stop: ends all.
        wall_ns: the wall clock.
    """

    def __init__(
        self, caller: Caller, metrics: Metrics, stop: Event, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._caller = caller
        self._metrics = metrics
        self._stop = stop
        self._wall_ns = wall_ns
        self._queues: dict[str, ServerQueue] = {}

    def add(self, call: Call) -> None:
        """Queue a call, unless its event is too old; never blocks."""
        age = age_s(call.at_ns, self._wall_ns())
        if age > call.max_age_s:
            self._caller.drop_late(call)
            call.done.set()
            return
        server = call.server if call.server in self._queues or len(self._queues) < MOST_QUEUES else ""
        if server not in self._queues:
            self._queues[server] = ServerQueue(f"webhooks {server}", self._caller, self._metrics, self._stop)
        self._queues[server].add(call, time.monotonic() + call.max_age_s - age)


class Webhooks:
    """The consumer that calls webhooks, and acknowledges events with completed calls.

    Args:
        events: read as a group of its own.
        queues: make the calls.
        find: returns the calls of an event.
        stop: ends it.
    """

    def __init__(
        self, events: GroupReader, queues: ServerQueues, find: Callable[[FaceEvent], Iterator[Call]], stop: Event
    ) -> None:
        self._events = events
        self._queues = queues
        self._find = find
        self._stop = stop
        self._open: dict[bytes, tuple[Delivery, list[Call]]] = {}

    def run(self) -> None:
        """Call webhooks until the service stops."""
        for delivery in self._events.deliveries(self._stop, self._acknowledge_done):
            # Read again while its calls wait: the store takes it for forgotten.
            if isinstance(delivery.message, FaceEvent) and delivery.entry_id not in self._open:
                found = list(self._find(delivery.message))
                for call in found:
                    self._queues.add(call)
                self._open[delivery.entry_id] = (delivery, found)
            self._acknowledge_done()

    def _acknowledge_done(self) -> None:
        for entry_id, (delivery, found) in list(self._open.items()):
            if all(call.done.is_set() for call in found):
                self._events.ack(delivery, self._stop)
                del self._open[entry_id]
