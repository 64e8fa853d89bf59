"""Send events with the messages of rules; what the broker refuses of events is held, and nothing else waits for it."""

from facewire.groups import Delivery, GroupReader
from facewire.messages import FaceEvent
from facewire.service import Service
from iot_bridge.broker import Broker
from iot_bridge.held import HeldEvents
from iot_bridge.home import Home
from iot_bridge.payloads import event_publications
from iot_bridge.rules.performing import Performer
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

PATIENCE_S = 1.0


class EventSender:
    """Sends one event after the other.

    Args:
        service: the service.
        events: acknowledges them.
        broker: takes the messages.
        home: follows whom each camera saw last.
        performer: adds the messages of rules.
    """

    def __init__(
        self, service: Service[BridgeSettings], events: GroupReader, broker: Broker, home: Home, performer: Performer
    ) -> None:
        self._service = service
        self._events = events
        self._broker = broker
        self._home = home
        self._performer = performer
        self._stop = service.stop
        self._held = HeldEvents(self._is_taken, self._ack, service.heartbeat)

    def between(self) -> None:
        """Do what is due by itself: lights that go off, and events that are held."""
        if self._broker.is_up:
            self._performer.turn_off(lambda messages: self._broker.deliver(messages, self._stop), self._stop)
            self._held.retry()

    def take(self, delivery: Delivery) -> bool:
        """Send an event, and acknowledge or hold it; False if the service stops first."""
        while self._held.is_full and not self._stop.wait(PATIENCE_S):
            self._service.heartbeat.beat()
            self.between()
        if delivery.entry_id in self._held:
            return True
        # Rules are asked only when the broker is there: it may be too late to turn on a light by then.
        if not self._broker.wait_until_up(self._stop):
            return False
        if isinstance(delivery.message, FaceEvent):
            return self._send(delivery, delivery.message)
        self._ack(delivery)
        return True

    def _send(self, delivery: Delivery, event: FaceEvent) -> bool:
        self._home.happen(event, delivery.entry_id.decode())
        *before, told = event_publications(event, self._home.node.topics)
        after = self._performer.prepare(event, self._stop)
        waits = self._held.holds(told.topic)
        if not self._broker.deliver([*before, *([] if waits else [told]), *after], self._stop):
            return False
        refused = sum(self._broker.refuses(each.topic) for each in (*before, *after))
        if refused:
            self._service.metrics.dropped("mqtt_refused", refused)
        if waits or self._broker.refuses(told.topic):
            self._held.add(delivery, told)
            return True
        self._service.metrics.handled(event.camera, event.at_ns)
        self._ack(delivery)
        return True

    def _is_taken(self, publication: Publication) -> bool:
        return self._broker.deliver([publication], self._stop) and not self._broker.refuses(publication.topic)

    def _ack(self, delivery: Delivery) -> None:
        self._events.ack(delivery, self._stop)
