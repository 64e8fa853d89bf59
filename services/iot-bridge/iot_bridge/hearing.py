"""Subscriptions of the bridge, and the callbacks that take in their messages."""

from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, MQTTMessage

TakeIn = Callable[[Client, object, MQTTMessage], None]


@dataclass(frozen=True, slots=True)
class Ear:
    """A subscription.

    Args:
        filters: topics, with wildcards.
        heard: called from the connection's own thread, which it must not hold up, with topic, payload, and whether
            the broker had kept the message for us.
        qos: 1 lets the broker keep for us what is said while we are away; with 0 that is lost.
    """

    filters: tuple[str, ...]
    heard: Callable[[str, bytes, bool], None]
    qos: int = 1
