"""Keep one session with the broker after the other, and show why there is none."""

import random
from collections.abc import Callable, Iterable
from threading import Event
from time import monotonic

from paho.mqtt.enums import MQTTProtocolVersion

from facewire.heartbeat import Heartbeat
from facewire.log import Log, Seldom
from facewire.service import OperatorError
from iot_bridge.dialling import address_of
from iot_bridge.session import V5, V311, Session
from iot_bridge.settings import BridgeSettings
from iot_bridge.troubles import BAD_LOGIN, SESSION_TAKEN_OVER, UNSUPPORTED_PROTOCOL, Trouble, TroubleError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 10.0
# A connection that lasted for so long was a good one: the next is tried soon.
GOOD_AFTER_S = 10.0
TICK_S = 0.25
RESUBSCRIBE_S = 30.0
FAREWELL_S = 1.0
# Two bridges that throw each other out shall not do so all the time.
RIVAL_WAIT_S = (8.0, 16.0)
RIVAL_SHOWN_S = 60.0
SHORT_SESSIONS = 3
MOST_SHOWN = 3


class Connector:
    """Connects, again and again.

    Args:
        settings: the broker and the client.
        make: makes a session that is not open yet.
        heartbeat: shows why there is none.
        log: told the same, once a minute for each reason.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        make: Callable[[MQTTProtocolVersion], Session],
        heartbeat: Heartbeat,
        log: Log,
    ) -> None:
        self._make = make
        self._heartbeat = heartbeat
        self._log = log
        self._seldom = Seldom()
        self._address = address_of(settings)
        self._client_id = f"{settings.topic_prefix}-{settings.node_id}"
        self._protocol = V5
        self._wait_s = FIRST_WAIT_S
        self._rival_s = float("-inf")
        self._short = 0
        self._resubscribed_s = 0.0
        self._refused_filters: list[str] = []

    def run(
        self,
        until: Event,
        subscriptions: Callable[[MQTTProtocolVersion], Iterable[tuple[str, int]]],
        on_up: Callable[[Session], None],
        on_tick: Callable[[Session], None],
        on_down: Callable[[Session], bool],
    ) -> None:
        """Keep a session until `until` is set.

        Args:
            until: ends it.
            subscriptions: returns filters with their QoS.
            on_up: called when a session has begun.
            on_tick: called several times a second while it lasts.
            on_down: called when it has ended; returns whether the next may follow soon.
        """
        while not until.is_set():
            began_s, was_up = monotonic(), False
            session: Session | None = None
            try:
                session = self._make(self._protocol)
                session.open(subscriptions(self._protocol))
                was_up = True
                on_up(session)
                trouble = self._hold(session, until, on_tick)
                self._protocol = V5
            except TroubleError as error:
                trouble = error.trouble
                # What speaks MQTT 3.1.1 only may refuse another version, hang up, or say nothing.
                self._protocol = V311 if error.other_protocol and self._protocol == V5 else V5
            except OperatorError as error:
                trouble = Trouble(str(error))
            finally:
                if session is not None:
                    session.close(abruptly=not until.is_set(), within_s=FAREWELL_S)
            soon = on_down(session) if session is not None and was_up else False
            if until.is_set():
                return
            self._report(self._named(trouble, monotonic() - began_s, was_up=was_up))
            until.wait(self._pause(trouble, monotonic() - began_s, soon=soon))

    def _hold(self, session: Session, until: Event, on_tick: Callable[[Session], None]) -> Trouble:
        proven = False
        while True:
            now_s = monotonic()
            # A broker that confirms nothing is not there, whatever it says at the beginning.
            if not proven and (session.receipts.any_confirmed or not len(session.receipts)):
                proven = True
                self._heartbeat.ready("mqtt")
                self._heartbeat.note("mqtt", "")
                self._log.info("connected to the broker", broker=self._address, mqtt=_version(session))
            trouble = session.check(now_s)
            if trouble is not None:
                return trouble
            self._look_at_subscriptions(session, now_s)
            if self._rival_s > float("-inf") and now_s - self._rival_s > RIVAL_SHOWN_S:
                self._rival_s = float("-inf")
                self._heartbeat.ready("mqtt session")
            on_tick(session)
            if session.ended.wait(TICK_S) or until.is_set():
                return session.trouble or Trouble("the connection is gone", away=True)

    def _look_at_subscriptions(self, session: Session, now_s: float) -> None:
        refused = session.refused_filters
        if refused != self._refused_filters:
            self._refused_filters = refused
            shown = ", ".join(refused[:MOST_SHOWN])
            more = f" and {len(refused) - MOST_SHOWN} more" if len(refused) > MOST_SHOWN else ""
            if refused:
                self._heartbeat.waiting(
                    "mqtt subscriptions", f"the broker's permission to subscribe to {shown}{more}; allow it in its ACL"
                )
                self._log.warning("the broker refuses subscriptions; allow them in its ACL", topics=refused)
            else:
                self._heartbeat.ready("mqtt subscriptions")
        if refused and now_s - self._resubscribed_s > RESUBSCRIBE_S:
            self._resubscribed_s = now_s
            session.subscribe_again()

    def _named(self, trouble: Trouble, lasted_s: float, *, was_up: bool) -> Trouble:
        """Return the trouble, or the meaning of repeated losses."""
        if trouble.code == SESSION_TAKEN_OVER:
            self._rival_s = monotonic()
            self._heartbeat.waiting(
                "mqtt session",
                f"the other client with the id {self._client_id} to leave the broker; give each bridge its own NODE_ID",
            )
        short = was_up and lasted_s < GOOD_AFTER_S and trouble.away
        self._short = self._short + 1 if short else 0
        if self._short < SHORT_SESSIONS:
            return trouble
        return Trouble(
            "it closes the connection again and again",
            f"give each bridge its own NODE_ID if another client is {self._client_id}; look at the broker's log",
        )

    def _pause(self, trouble: Trouble, lasted_s: float, *, soon: bool) -> float:
        if trouble.code == UNSUPPORTED_PROTOCOL and self._protocol == V311:
            return 0.0
        if trouble.code == SESSION_TAKEN_OVER:
            return random.uniform(*RIVAL_WAIT_S)  # noqa: S311  no secret
        wait_s = FIRST_WAIT_S if soon or lasted_s >= GOOD_AFTER_S else self._wait_s
        self._wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        return wait_s * random.uniform(1.0, 1.2)  # noqa: S311  no secret

    def _report(self, trouble: Trouble) -> None:
        where = f"the MQTT broker at {self._address}"
        if trouble.problem.startswith("which "):
            text = f"{where}, {trouble}"
        else:
            text = where if trouble.away else f"{where}: {trouble}"
        self._heartbeat.note("mqtt", str(trouble))
        self._heartbeat.waiting("mqtt", text)
        if not self._seldom.due(trouble.problem, monotonic()):
            return
        if trouble.code in BAD_LOGIN:
            self._log.warning("the broker refuses us; check MQTT_USERNAME and MQTT_PASSWORD", reason=trouble.problem)
        else:
            self._log.warning(
                "no connection to the broker", broker=self._address, reason=trouble.problem, remedy=trouble.remedy
            )


def _version(session: Session) -> str:
    return "5" if session.protocol == V5 else "3.1.1"
