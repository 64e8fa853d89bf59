"""Speak when a rule says so. Reads `events` (store) as a group of its own, so that a long greeting holds up no other.

A greeting is given at most once: it is claimed on the store and its event acknowledged before anything is said. To be
greeted twice is odd; not to be, when a process ends in just that moment, is nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from facewire.groups import GroupReader
from facewire.heartbeat import Heartbeat
from facewire.link import RedisAwayError
from facewire.log import Log, Seldom
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.names import name_key
from iot_bridge.event_age import age_s
from iot_bridge.rules.matching import matching
from iot_bridge.rules.model import Greeting, Rulebook, Speak
from iot_bridge.rules.senses import Senses
from iot_bridge.speech.engines import EngineError, Synthesizer
from iot_bridge.speech.outlets import Outlet, OutletError
from iot_bridge.speech.rates import Rates
from iot_bridge.speech.wording import Utterance, utterance

LATE_S = 10.0
"""Who was seen longer ago is not greeted: nobody is there any more."""
NOTE = "speech"


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules want to be said because of an event, and how people are greeted.

    `local` is None where the time zone is not known; an event that is older than `max_age_s` greets nobody.
    """

    speaks: tuple[Speak, ...]
    greeting: Greeting
    local: datetime | None
    max_age_s: float = LATE_S


def asked(book: Rulebook, event: FaceEvent, senses: Senses) -> Asked:
    """Return what an event makes rules say.

    Args:
        book: the rules.
        event: what happened.
        senses: the moment.
    """
    moment = senses.moment(event, book)
    rules = matching(book, event, moment) if speaks_at_all(book) else ()
    found = [(each, rule.max_age_s) for rule in rules for each in rule.actions if isinstance(each, Speak)]
    speaks = tuple(speak for speak, _ in found)
    return Asked(speaks, book.greeting, moment.local, min([LATE_S, *(limit for _, limit in found)]))


def speaks_at_all(book: Rulebook) -> bool:
    """Say whether any rule speaks."""
    return any(isinstance(action, Speak) for rule in book.rules for action in rule.actions)


class Mouth:
    """Says things, one after another; what fails is counted, told seldom, and over.

    Args:
        synthesizer: makes sounds of texts.
        outlet: where they go.
        metrics: counts.
        heartbeat: shows what speaks, or what is wrong.
        log: told of failures.
        described: what speaks and where, for people.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        outlet: Outlet,
        metrics: Metrics,
        heartbeat: Heartbeat,
        log: Log,
        described: str,
    ) -> None:
        self._synthesizer = synthesizer
        self._outlet = outlet
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._log = log
        self._described = described
        self._seldom = Seldom()
        heartbeat.note(NOTE, described)

    def say(self, said: Utterance) -> bool:
        """Say something; False if it was not heard."""
        try:
            with self._metrics.stage("synthesis"):
                sound = self._synthesizer.sound(said.text, said.language, self._engine_failed)
            with self._metrics.stage("outlet"):
                self._outlet.play(said, sound)
        except (EngineError, OutletError) as error:
            self._metrics.dropped("greeting_failed")
            self._complain(str(error))
            return False
        self._metrics.count("greetings")
        self._heartbeat.note(NOTE, self._described)
        return True

    def _engine_failed(self, engine: str, why: str) -> None:
        self._metrics.error("speech_engine")
        if self._seldom.due(f"{engine} {why}", time.monotonic()):
            self._log.warning("a speech engine failed", engine=engine, failure=why)

    def _complain(self, failure: str) -> None:
        self._heartbeat.note(NOTE, f"{self._described}; the last greeting was not heard: {failure}")
        if self._seldom.due(failure, time.monotonic()):
            self._log.warning("a greeting was not heard", failure=failure)


class Speaking:
    """Says what events ask for.

    Args:
        events: read as a group of its own.
        find: returns what rules say of an event.
        rates: who may be greeted.
        mouth: says it.
        metrics: counts what is not said.
        stop: ends it.
    """

    def __init__(
        self,
        events: GroupReader,
        find: Callable[[FaceEvent], Asked],
        rates: Rates,
        mouth: Mouth,
        metrics: Metrics,
        stop: Event,
    ) -> None:
        self._events = events
        self._find = find
        self._rates = rates
        self._mouth = mouth
        self._metrics = metrics
        self._stop = stop

    def run(self) -> None:
        """Speak until the service stops."""
        for delivery in self._events.deliveries(self._stop):
            said = self._granted(delivery.message) if isinstance(delivery.message, FaceEvent) else []
            self._events.ack(delivery, self._stop)
            for each in said:
                self._mouth.say(each)

    def _granted(self, event: FaceEvent) -> list[Utterance]:
        """Return what is to be said now, once."""
        found = self._find(event)
        said = [utterance(speak, found.greeting, event, found.local) for speak in found.speaks]
        said = [each for each in said if any(character.isalnum() for character in each.text)]
        if not said:
            return []
        reason = self._refused(event, said[0].person, found)
        if reason:
            self._metrics.dropped(f"greeting_{reason}")
            return []
        return said

    def _refused(self, event: FaceEvent, person: str, found: Asked) -> str:
        """Return why nobody is greeted now, "" if somebody is."""
        if age_s(event.at_ns, time.time_ns()) > found.max_age_s:
            return "late"
        try:
            verdict = self._rates.claim(event.id, name_key(person), found.greeting.at_most_every_s)
        except RedisAwayError:
            # Whether somebody was greeted already is not known then.
            return "store_away"
        return "" if verdict == "granted" else verdict
