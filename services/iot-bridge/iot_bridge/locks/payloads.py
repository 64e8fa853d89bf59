"""Put into MQTT what is said of locks: decisions, which are never retained, and states, which are."""

import msgspec

from facewire.audit import Decision
from iot_bridge.locks.topics import DECISION, of_lock
from iot_bridge.payloads import packed
from iot_bridge.topics import Publication, Topics


def decision_publication(decision: Decision, topics: Topics) -> Publication:
    """Say a decision, as an event of Home Assistant's whose type is the verdict."""
    fields = msgspec.to_builtins(decision)
    return Publication(of_lock(topics, decision.lock, DECISION), packed({"event_type": decision.verdict, **fields}))


def state_publication(topic: str, *, on: bool) -> Publication:
    """Say one state of a lock."""
    return Publication(topic, b"ON" if on else b"OFF", retain=True)
