"""Carry out what rules do over MQTT with an event: messages, and lights that go off again."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

from facewire.link import RedisAwayError
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from iot_bridge.event_age import age_s
from iot_bridge.rules.fence import Fence
from iot_bridge.rules.filling import event_fields, filled
from iot_bridge.rules.lights import LightsOff
from iot_bridge.rules.live import LiveRules
from iot_bridge.rules.matching import matching
from iot_bridge.rules.model import Device, Publish, Rule, Rulebook, SetLight
from iot_bridge.rules.presets import light_publications
from iot_bridge.rules.senses import Senses
from iot_bridge.topics import Publication, Topics

LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class Plan:
    """What an event gives rise to: messages in order, when lights go off, and how many actions it is too old for."""

    publications: list[Publication] = field(default_factory=list)
    off_after_s: dict[Device, float | None] = field(default_factory=dict)
    late: int = 0
    """Lights that are not turned on."""
    late_messages: int = 0


def planned(rules: Iterator[Rule], book: Rulebook, event: FaceEvent, topics: Topics, age_s: float) -> Plan:
    """Return what rules that apply do over MQTT.

    Args:
        rules: those that apply.
        book: what they name.
        event: what happened.
        topics: the bridge's own.
        age_s: how long ago it happened; infinite where nobody knows.
    """
    plan = Plan()
    for rule, action in ((each, action) for each in rules for action in each.actions):
        match action:
            case Publish() if age_s > rule.max_age_s:
                plan.late_messages += 1
            case Publish():
                payload = filled(action.payload, event_fields(event)).encode()
                plan.publications.append(Publication(action.topic, payload, action.retain))
            case SetLight():
                too_old = age_s > min(rule.max_age_s, action.off_after_s or rule.max_age_s)
                _plan_light(plan, action, book, topics, too_old=too_old)
    return plan


def _plan_light(plan: Plan, action: SetLight, book: Rulebook, topics: Topics, *, too_old: bool) -> None:
    device = book.lights[action.light].device
    # Off may come late: a light that nobody needs should not stay on because the broker was away.
    if action.on and too_old:
        plan.late += 1
        return
    plan.publications += light_publications(device, topics, on=action.on, percent=action.brightness_percent)
    plan.off_after_s[device] = action.off_after_s


class Performer:
    """Does what rules say, in the loop that sends the events, so that all keeps its order.

    Args:
        live: the rules as they are now.
        senses: the moment.
        lights: those that go off by themselves.
        topics: the bridge's own.
        metrics: counts.
    """

    def __init__(self, live: LiveRules, senses: Senses, lights: LightsOff, topics: Topics, metrics: Metrics) -> None:
        self._live = live
        self._senses = senses
        self._lights = lights
        self._topics = topics
        self._metrics = metrics
        self._looked_s = float("-inf")

    def prepare(self, event: FaceEvent, until: Event) -> list[Publication]:
        """Return what is to be sent with an event; that lights go off again is kept before they are turned on."""
        book = self._live.now
        if not book.rules:
            return []
        rules = matching(book, event, self._senses.moment(event, book))
        plan = planned(rules, book, event, self._topics, age_s(event.at_ns, time.time_ns()))
        if plan.late:
            self._metrics.dropped("late_light", plan.late)
        if plan.late_messages:
            self._metrics.dropped("late_publish", plan.late_messages)
        self._lights.plan(plan.off_after_s, until)
        return plan.publications

    def turn_off(self, deliver: Callable[[Sequence[Publication]], bool], until: Event) -> None:
        """Turn off the lights whose time has come; called often.

        Args:
            deliver: sends, and returns once it has arrived; False if it did not.
            until: ends it.
        """
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = time.monotonic()
        try:
            due = self._lights.due()
        except RedisAwayError:
            return
        messages = [each for device in due for each in self._off(device)]
        if due and deliver(messages):
            self._metrics.count("lights_off", len(due))
            self._lights.done(due, until)

    def _off(self, device: Device) -> list[Publication]:
        messages = light_publications(device, self._topics, on=False)
        # What was a light when it was turned on may have become a lock since.
        fence = Fence(self._topics.prefix, "", tuple(self._live.now.locks.values()))
        return [] if fence.why_no_light(device, [each.topic for each in messages]) else messages
