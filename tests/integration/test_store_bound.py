"""The store from empty to three times its bound, above it from an earlier release, and full of somebody else's keys."""

import random
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest
import redis
from iot_bridge.locks.memory import StoreMemory
from tracker.outbox import Outbox

from facewire import controls, keys, lookup, retention
from facewire.audit import Decision
from facewire.codec import encode
from facewire.groups import GroupReader
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.metrics import Metrics
from facewire.retention import SHARES
from facewire.streams import Intake
from facewire.visits import Past
from tests.integration.storing import ShippedStore, event, fill, shipped_store
from tests.servers import wait_for

LIMIT_BYTES = 14 * 2**20
QUICK = ("--appendfsync", "no", "--maxmemory", str(LIMIT_BYTES))
BOUND_BYTES = round(SHARES[keys.EVENTS] * LIMIT_BYTES)
ROOM_BYTES = 2 * LIMIT_BYTES + 24 * 2**20
"""What the process may take: twice the data while it is written anew, and what any Redis takes."""


@pytest.fixture
def link_to(heartbeat: Heartbeat, metrics: Metrics) -> Any:
    return lambda store: Link(connect(store.url), "store", heartbeat, metrics, retention.relieve)


def errors(metrics: Metrics, kind: str) -> float:
    return metrics.registry.get_sample_value("facewire_test_errors_total", {"kind": kind}) or 0.0


class Peak:
    """The most memory that the store's process takes while a block runs."""

    def __init__(self, store: ShippedStore) -> None:
        self.rss_bytes = 0
        self._server = store.server()
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            family = [self._server, *self._server.children()]
            with suppress(Exception):
                # A process that was forked shares what it does not change.
                self.rss_bytes = max(self.rss_bytes, sum(each.memory_full_info().uss for each in family))


@pytest.mark.parametrize("sizes", [(7_700,), (60_000,), (0, 7_700), (300, 60_000, 0, 7_700)])
def test_from_empty_to_three_times_the_bound(
    tmp_path: Path, link_to: Any, metrics: Metrics, sizes: tuple[int, ...]
) -> None:
    with shipped_store(tmp_path / "store", *QUICK) as store:
        outbox = Outbox(link_to(store), metrics, Past())
        written = last = 0
        with Peak(store) as peak:
            for last in count(1):
                size = sizes[last % len(sizes)]
                outbox.put(event(last, size))
                written += size + 300
                if last % 200 == 0:
                    wait_for(lambda: len(outbox._waiting) < 100, "the outbox")
                if last % 2000 == 0:
                    with suppress(redis.ResponseError):
                        store.client.bgrewriteaof()
                if written > 3 * BOUND_BYTES:
                    break
            wait_for(lambda: not outbox._waiting, "the outbox")
            # One may be under way already.
            with suppress(redis.ResponseError):
                store.client.bgrewriteaof()
            wait_for(lambda: not store.client.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
        assert_bounded(store, last)
        assert peak.rss_bytes < ROOM_BYTES
        outbox.close()
        store.kill()
    with shipped_store(tmp_path / "store", *QUICK) as store:
        assert_bounded(store, last)
        assert store.server().memory_full_info().uss < ROOM_BYTES
    assert errors(metrics, "store_full") == 0


def assert_bounded(store: ShippedStore, last: int) -> None:
    client = store.client
    assert client.memory_usage("events", samples=0) <= 1.05 * BOUND_BYTES
    assert client.info("memory")["used_memory"] < 0.9 * LIMIT_BYTES
    # The newest with its picture, older ones without.
    found = lookup.latest_events(client, 100_000)
    assert [stored.event.track_id for stored in found] == list(range(last, 0, -1))
    assert found[-1].event.snapshot is None
    assert lookup.event(client, found[-1].entry_id) == found[-1]


def test_a_store_of_an_earlier_release_that_is_too_large_comes_back_bounded(
    tmp_path: Path, link_to: Any, metrics: Metrics
) -> None:
    with shipped_store(tmp_path / "store", "--appendfsync", "no", "--maxmemory", "0") as store:
        for begin in range(1, 4001, 500):
            fill(store.client, [event(number, 7_700) for number in range(begin, begin + 500)])
        assert store.client.info("memory")["used_memory"] > 1.9 * LIMIT_BYTES
        store.kill()
    with shipped_store(tmp_path / "store", *QUICK) as store:
        outbox = Outbox(link_to(store), metrics, Past())
        outbox.put(event(4001, 7_700))
        wait_for(lambda: len(lookup.latest_events(store.client, 10_000)) == 4001, "all events")
        wait_for(lambda: store.client.memory_usage("events", samples=0) <= BOUND_BYTES, "the bound")
        assert_bounded(store, 4001)
        outbox.close()


@pytest.mark.parametrize("stream", [keys.HISTORY, keys.AUDIT])
def test_text_is_bounded_by_bytes_too(tmp_path: Path, stream: keys.Stream) -> None:
    long = "ß" * 64
    decision = Decision(long, "door", "UNLOCK", "refused", "unsure", 1, "ö" * 64, "door", 1, 1)
    raw = encode(decision) + bytes(2000)
    with shipped_store(tmp_path / "store", *QUICK) as store:
        client = store.client
        limit = SHARES[stream] * LIMIT_BYTES
        with client.pipeline(transaction=False) as pipe:
            for _ in range(round(1.5 * limit / len(raw))):
                pipe.xadd(stream.key(), {"m": raw}, maxlen=stream.maxlen)
            pipe.execute()
        assert client.memory_usage(stream.key(), samples=0) > limit
        retention.Retention().enforce(client)
        assert 0.8 * limit < client.memory_usage(stream.key(), samples=0) <= limit


def test_a_group_goes_on_when_events_that_it_was_given_are_gone(
    tmp_path: Path, link_to: Any, intake: Intake, metrics: Metrics, stop: Event
) -> None:
    with shipped_store(tmp_path / "store", *QUICK) as store:
        fill(store.client, [event(number, 7_700) for number in range(1, 4)])

        def deliveries() -> Any:
            return GroupReader(link_to(store), intake, keys.EVENTS, group="bridge", consumer="one").deliveries(stop)

        assert next(deliveries()).message.track_id == 1
        retention.archive(store.client, 0)
        fill(store.client, [event(4, 7_700)])
        assert next(deliveries()).message.track_id == 4
        # Those that are gone are acknowledged; the one that came last is not yet.
        assert store.client.xpending("events", "bridge")["pending"] == 1
        gone = metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "events_trimmed"})
        assert gone == 3


def test_events_locks_and_switches_find_room_on_a_store_that_others_filled(
    tmp_path: Path, link_to: Any, metrics: Metrics
) -> None:
    with shipped_store(tmp_path / "store", *QUICK) as store:
        fill(store.client, [event(number, 7_700) for number in range(1, 1000)])
        with suppress(redis.exceptions.OutOfMemoryError):
            for number in count():
                store.client.set(f"foreign:{number}", bytes(50_000))
            # What is left is too little for the next one.
        for _ in range(3):
            # What Redis keeps for its clients comes and goes.
            with suppress(redis.exceptions.OutOfMemoryError):
                for number in count():
                    store.client.hset("small", str(number), "on")
        link = link_to(store)
        link.once(lambda client: controls.write(client, keys.privacy("door"), "on"))
        memory = StoreMemory(link)
        decision = Decision("front-1", "front", "UNLOCK", "granted", "all_fulfilled", 1, "Ada", "door", 1, 1)
        assert memory.claim("front-1")
        memory.grant("front", {"failures": "0"}, decision)
        outbox = Outbox(link, metrics, Past())
        outbox.put(event(1000, 7_700))
        wait_for(lambda: lookup.latest_events(store.client, 1)[0].event.track_id == 1000, "the event")
        outbox.close()
        assert store.client.hget("controls", "privacy:door") == b"on"
        assert lookup.latest_decisions(store.client, 1)[0][1] == decision
        assert errors(metrics, "store_full") > 0


def test_a_store_that_is_killed_at_any_moment_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    place = random.Random(3)
    written = 0
    for _ in range(4):
        with shipped_store(tmp_path / "store", "--maxmemory", str(LIMIT_BYTES)) as store:
            assert store.client.xlen("events") >= written
            fill(store.client, [event(number, 7_700) for number in range(1, 401)], "other")
            store.client.bgrewriteaof()
            end_s = time.monotonic() + place.uniform(0.0, 0.4)
            while time.monotonic() < end_s:
                fill(store.client, [event(written + 1)])
                written += 1
            store.kill()
    assert written > 0
