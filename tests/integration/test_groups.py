"""Groups over a real Redis: what was not acknowledged comes again, to whoever is there."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
import redis

from facewire import keys
from facewire.codec import encode
from facewire.groups import Delivery, GroupReader
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.messages import FaceEvent
from facewire.metrics import Metrics
from facewire.streams import Intake, Publisher
from tests.integration.collector import Collector, is_reading
from tests.servers import wait_for


def event(number: int) -> FaceEvent:
    return FaceEvent(f"door-{number}-appeared", "appeared", "door", number, None, 1, 2)


@pytest.fixture
def store(store_url: str, heartbeat: Heartbeat, metrics: Metrics) -> Link:
    return Link(connect(store_url), "store", heartbeat, metrics)


def group(store: Link, intake: Intake, consumer: str = "one", claim_idle_ms: int = 30_000) -> GroupReader:
    return GroupReader(store, intake, keys.EVENTS, group="test", consumer=consumer, claim_idle_ms=claim_idle_ms)


def ids(deliveries: list[Delivery]) -> list[int]:
    return [message.track_id for delivery in deliveries if isinstance(message := delivery.message, FaceEvent)]


def take(deliveries: Iterator[Delivery], count: int) -> list[Delivery]:
    return [next(deliveries) for _ in range(count)]


def test_what_was_not_acknowledged_comes_again_after_a_restart(
    store: Link, intake: Intake, metrics: Metrics, stop: Event
) -> None:
    events, first = Publisher(store, keys.EVENTS, metrics), group(store, intake)
    for number in (1, 2, 3):
        events.publish(event(number))
    taken = take(first.deliveries(stop), 2)
    first.ack(taken[0], stop)
    assert ids(take(group(store, intake).deliveries(stop), 2)) == [2, 3]


def test_the_work_of_the_dead_is_taken_over(store: Link, intake: Intake, metrics: Metrics, stop: Event) -> None:
    Publisher(store, keys.EVENTS, metrics).publish(event(1))
    take(group(store, intake, "dead").deliveries(stop), 1)
    time.sleep(0.1)
    assert ids(take(group(store, intake, "alive", claim_idle_ms=50).deliveries(stop), 1)) == [1]


def test_what_was_acknowledged_does_not_come_again(
    store_url: str, store: Link, intake: Intake, metrics: Metrics, stop: Event
) -> None:
    Publisher(store, keys.EVENTS, metrics).publish(event(1))
    reader_of_group = group(store, intake)
    reader_of_group.ack(take(reader_of_group.deliveries(stop), 1)[0], stop)
    client: Any = redis.Redis.from_url(store_url)
    assert client.xpending(keys.EVENTS.key(), "test")["pending"] == 0


def test_a_group_whose_store_was_emptied_is_made_again(
    store_url: str, store: Link, intake: Intake, heartbeat: Heartbeat, metrics: Metrics, stop: Event
) -> None:
    collector = Collector(group(store, intake).deliveries(stop))
    client: Any = redis.Redis.from_url(store_url)
    wait_for(lambda: is_reading(store_url, "xreadgroup"), "the reader")
    client.flushall()
    other = Link(connect(store_url), "store", heartbeat, metrics)
    Publisher(other, keys.EVENTS, metrics).publish(event(5))
    assert ids(collector.wait(1)) == [5]


def test_a_store_that_is_emptied_before_the_work_of_the_dead_is_asked_for_does_not_end_the_reading(
    store_url: str, store: Link, intake: Intake, metrics: Metrics, stop: Event
) -> None:
    emptied: list[bool] = []

    def empty() -> None:
        if not emptied:
            emptied.append(bool(connect(store_url).flushall()))
            Publisher(store, keys.EVENTS, metrics).publish(event(5))

    assert ids([next(group(store, intake).deliveries(stop, empty))]) == [5]


def test_a_malformed_event_is_acknowledged_and_skipped(
    store_url: str, store: Link, intake: Intake, stop: Event
) -> None:
    client: Any = redis.Redis.from_url(store_url)
    client.xadd(keys.EVENTS.key(), {"m": b"garbage"})
    client.xadd(keys.EVENTS.key(), {"m": encode(event(2))})
    assert ids(take(group(store, intake).deliveries(stop), 1)) == [2]
    wait_for(lambda: client.xpending(keys.EVENTS.key(), "test")["pending"] == 1, what="the garbage to be acknowledged")
