"""The connection to the MQTT broker: one session after the other, what becomes of messages, and what health shows."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from time import monotonic

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion

from facewire.heartbeat import Heartbeat
from facewire.log import Log
from facewire.metrics import Metrics
from iot_bridge.connecting import Connector
from iot_bridge.dialling import address_of, make_tls
from iot_bridge.hearing import Ear
from iot_bridge.limits import SUSPECT_BYTES, PacketLimit
from iot_bridge.packets import packet_size
from iot_bridge.probes import Probes
from iot_bridge.receipts import Receipt, Waits
from iot_bridge.rights import Rights
from iot_bridge.session import V311, Session
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics
from iot_bridge.troubles import PACKET_TOO_LARGE, PROTOCOL_ERROR

__all__ = ["Broker", "Ear"]

PATIENCE_S = 0.5
# To say `offline`, and to hang up: both fit into the time that Docker gives.
FAREWELL_S = 1.5
# Kept free for events.
RESERVED = 8
# A broker of MQTT 5 keeps a state that is not retained for so long for subscribers that are away.
STALE_AFTER_S = 30
# So long a connection has nothing to do with an earlier one that was cut.
STANDS_AFTER_S = 30.0
WAITS = Waits()


class Broker:
    """A connection that is kept up.

    A session that ends is thrown away with all that it had not sent: `deliver` sends again what must arrive, and
    `on_up` says all states anew. So nothing old overtakes what is true now, and no message that the broker does not
    take is sent for ever.

    Args:
        settings: the broker and the client.
        will: what the broker shall publish when we vanish.
        heartbeat: shows whether the broker is there, and what it refuses.
        metrics: counts messages.
        log: told the same.
        waits: how long the broker's answers are waited for.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        will: Publication,
        heartbeat: Heartbeat,
        metrics: Metrics,
        log: Log,
        waits: Waits = WAITS,
    ) -> None:
        if settings.mqtt_tls:
            # Files that cannot be used are the operator's to mend, at the start.
            make_tls(settings)
        self._settings, self._will = settings, will
        self._heartbeat, self._metrics, self._log = heartbeat, metrics, log
        self._topics = Topics(settings.topic_prefix, settings.node_id)
        self._limit = PacketLimit(heartbeat, metrics, log)
        self._rights = Rights(heartbeat, metrics, log)
        self._probes = Probes(self._topics)
        self._on_up: Callable[[], None] = lambda: None
        self._ears: Sequence[Ear] = ()
        self._sensors: dict[str, Callable[[str, bytes], None]] = {}
        self._session: Session | None = None
        self._newest: Session | None = None
        self._early: list[Publication] = []
        self._up = self._say_again = False
        self._began_s = 0.0
        self._waits, self._confirms_s = waits, waits.confirms_s
        self._stopping = Event()
        # What is decided to be said is said before anything newer.
        self._saying = Lock()
        self._connector = Connector(settings, self._make, heartbeat, log)
        self._thread: Thread | None = None

    def start(
        self,
        on_up: Callable[[], None],
        ears: Sequence[Ear],
        keep: Callable[[Callable[[], None]], None] = lambda body: body(),
    ) -> None:
        """Connect, now or when the broker is there.

        Args:
            on_up: called whenever the broker may know nothing of us.
            ears: what is listened for.
            keep: runs the connection's loop, and again if it fails.
        """
        self._on_up, self._ears = on_up, ears
        self._heartbeat.waiting("mqtt", f"the MQTT broker at {address_of(self._settings)}")
        self._thread = Thread(target=keep, args=(self._run,), name="mqtt", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say `offline` ourselves, and go."""
        session, self._up = self._session, False
        if session is not None and session.is_up:
            # The connection may go in this very moment; then the broker says it for us.
            with suppress(RuntimeError, ValueError):
                session.await_answers([session.publish(self._will, qos=1)], FAREWELL_S)
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(FAREWELL_S)

    def say(self, publications: Sequence[Publication]) -> None:
        """Send states; without a broker they are dropped, since `on_up` says the latest again."""
        with self._saying:
            session = self._session
            if session is not None and self.is_up:
                self._say(session, publications)
            elif self._newest is not None and self._newest.is_up:
                # What the broker has kept is heard while we still subscribe, and is answered only once.
                self._early += publications
            else:
                self._metrics.dropped("broker_away", len(publications))

    def _say(self, session: Session, publications: Sequence[Publication]) -> None:
        for publication in publications:
            fit = self._limit.fit(publication)
            if fit is not None:
                # What is large may be refused for its size though its topic is not.
                probes = self._probes.wants(fit) or (fit.retain and packet_size(fit) > SUSPECT_BYTES)
                self._state(session, fit, probes=probes and session.room > RESERVED)

    def wait_until_up(self, until: Event) -> bool:
        """Wait until the broker is there; False if `until` was set first."""
        while not self.is_up:
            if until.wait(PATIENCE_S):
                return False
            self._heartbeat.beat()
        return True

    @property
    def is_up(self) -> bool:
        """Say whether the broker is there."""
        session = self._session
        return self._up and session is not None and session.is_up

    @property
    def largest_packet(self) -> int:
        """The most bytes that a packet may have."""
        return self._limit.largest

    def refuses(self, topic: str) -> bool:
        """Say whether the broker refused the last message of a topic."""
        return topic in self._rights

    def listen(self, topics: Iterable[str], heard: Callable[[str, bytes], None]) -> None:
        """Hear what these topics say from now on, and no more what others did; from any thread but paho's.

        What the broker kept of them is not heard: nobody knows how old it is.
        """
        before, self._sensors = self._sensors, dict.fromkeys(topics, heard)
        session = self._session
        if session is None:
            return
        for topic in before.keys() - self._sensors.keys():
            session.hear(topic, None)
            session.unsubscribe(topic)
        self._hear_sensors(session)

    def deliver(self, publications: Sequence[Publication], until: Event) -> bool:
        """Send what must arrive, and wait until the broker has answered for all; False if `until` was set first.

        What the broker refuses is counted and shown, and so is what is too large: `refuses` tells.
        """
        waiting = list(publications)
        while waiting:
            session = self._session if self.wait_until_up(until) else None
            if until.is_set():
                return False
            if session is None:
                continue
            waiting = [fit for each in waiting if (fit := self._limit.fit(each)) is not None]
            receipts: list[Receipt] = []
            while len(receipts) < len(waiting) or any(receipt.code is None for receipt in receipts):
                rest = waiting[len(receipts) :][: session.room]
                receipts += [self._send(session, each, 1) for each in rest]
                session.await_answers(receipts, PATIENCE_S)
                if until.is_set():
                    return False
                self._heartbeat.beat()
                if session.ended.is_set():
                    break
            unsent = waiting[len(receipts) :]
            again = [each.publication for each in receipts if self._is_to_be_sent_again(each)]
            waiting = again + unsent
        return True

    def _is_to_be_sent_again(self, receipt: Receipt) -> bool:
        # What was too large is sent again only if it is smaller then.
        too_large = packet_size(receipt.publication) > self._limit.largest
        return receipt.code is None or (receipt.code == PACKET_TOO_LARGE and too_large)

    def _run(self) -> None:
        self._connector.run(self._stopping, self._subscriptions, self._begin, self._tick, self._end)

    def _make(self, protocol: MQTTProtocolVersion) -> Session:
        ears, waits = self._hearers(protocol), replace(self._waits, confirms_s=self._confirms_s)
        session = Session(self._settings, protocol, self._will, ears, self._answered, self._failed, waits)
        with self._saying:
            self._newest, self._early = session, []
        return session

    def _hearers(self, protocol: MQTTProtocolVersion) -> list[Ear]:
        return [*self._ears, *([self._readback] if protocol == V311 else [])]

    @property
    def _readback(self) -> Ear:
        """Our own messages: a broker of MQTT 3.1.1 confirms those, too, that it lets nobody have."""
        topics = self._topics
        return Ear((topics.control("+"), topics.of("+", "+"), topics.zone("+", "+")), lambda *_heard: None, qos=0)

    def _subscriptions(self, protocol: MQTTProtocolVersion) -> list[tuple[str, int]]:
        asked = {topics: ear.qos for ear in self._hearers(protocol) for topics in ear.filters}
        return [*asked.items(), *((topic, 0) for topic in self._sensors)]

    def _begin(self, session: Session) -> None:
        self._limit.tell(session.terms.largest)
        self._probes = Probes(self._topics)
        self._began_s, self._say_again = monotonic(), False
        with self._saying:
            self._session, self._up = session, True
            early, self._early = self._early, []
            self._say(session, early)
        # Some may have been named while it connected.
        self._hear_sensors(session)
        self._on_up()

    def _tick(self, session: Session) -> None:
        if monotonic() - self._began_s > STANDS_AFTER_S:
            self._limit.stands()
        self._rights.expire(monotonic())
        if self._say_again:
            self._say_again = False
            self._on_up()
        with self._saying:
            for publication in self._probes.due(session.room - RESERVED):
                fit = self._limit.fit(publication)
                if fit is not None:
                    self._state(session, fit, probes=True)

    def _end(self, session: Session) -> bool:
        self._up = False
        self._confirms_s = self._waits.after(self._confirms_s, in_vain=session.receipts.is_overdue(monotonic()))
        code = session.trouble.code if session.trouble is not None else 0
        # paho takes no PUBACK that names a message as too large, as mosquitto's with message_size_limit does.
        if session.protocol == V311 or code in (PACKET_TOO_LARGE, PROTOCOL_ERROR):
            return self._limit.cut_off(session.receipts.unanswered(), told=code == PACKET_TOO_LARGE)
        return False

    def _state(self, session: Session, publication: Publication, *, probes: bool) -> None:
        if not probes:
            self._send(session, publication, 0)
            return
        self._probes.sent(publication)
        self._send(session, publication, 1, None if publication.retain else STALE_AFTER_S)

    def _send(self, session: Session, publication: Publication, qos: int, expiry_s: int | None = None) -> Receipt:
        self._metrics.count("mqtt_messages")
        return session.publish(publication, qos, expiry_s)

    def _hear_sensors(self, session: Session) -> None:
        def take(_client: Client, _userdata: object, message: MQTTMessage) -> None:
            heard = self._sensors.get(message.topic)
            if heard is not None and not message.retain:
                heard(message.topic, bytes(message.payload))

        topics = list(self._sensors)
        for topic in topics:
            session.hear(topic, take)
        session.subscribe((topic, 0) for topic in topics if topic not in session.filters)

    # These are called from paho's thread, too: they must not publish.

    def _answered(self, receipt: Receipt) -> None:
        if receipt.code == PACKET_TOO_LARGE:
            self._say_again = self._limit.exceeded(packet_size(receipt.publication)) or self._say_again
            return
        self._rights.take(receipt)
        self._probes.take(receipt)

    def _failed(self, text: str) -> None:
        self._metrics.error("mqtt_callback")
        self._log.error("unforeseen error in a callback; going on", error=text)
