"""The tracker while bus or store is away: events wait, tracks do not, and it goes on when they are back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facewire import keys
from facewire.link import connect
from tests.integration.door import events
from tests.integration.tracking import STANDING, door, tracker
from tests.processes import END_WITHIN_S, FickleRedis, fickle_redis
from tests.servers import HUNG_S, wait_for
from tests.unit.scene import Walker


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[FickleRedis]:
    """A bus that is away."""
    with fickle_redis(tmp_path / "bus") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FickleRedis]:
    """A store that is away."""
    with fickle_redis(tmp_path / "store", append_only=True) as server:
        yield server


def test_an_event_waits_for_a_store_that_is_away_and_tracks_do_not(
    tmp_path: Path, bus_url: str, store: FickleRedis
) -> None:
    walk = door(bus_url, Walker(200, 150, frames=range(21)))
    store.come()
    with tracker(tmp_path, bus_url, store.url) as running:
        walk.play([1])
        store.go()
        walk.play(range(2, 62))
        assert walk.seqs() == list(range(1, 62))
        wait_for(lambda: running.counted("errors", kind="store_away") > 1, what="the missing store to be counted")
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), "the missing store to be noticed")
        store.come()
        wait_for(lambda: len(events(store.url)) == 2, what="the events")
        wait_for(running.healthy, what="the store to be back")
    assert [event.type for event in events(store.url)] == ["appeared", "left"]


def test_it_ends_in_time_with_an_event_that_the_store_cannot_take(
    tmp_path: Path, bus_url: str, store: FickleRedis
) -> None:
    walk = door(bus_url, STANDING)
    store.come()
    with tracker(tmp_path, bus_url, store.url) as running:
        walk.play([1])
        store.go()
        walk.play(range(2, 15))
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), what="the missing store to be noticed")
        running.end()


def test_what_happened_last_is_delivered_at_the_end(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url) as running:
        store: Any = connect(store_url)
        store.client_pause(round(1000 * HUNG_S), all=False)
        walk.play(range(1, 15))
        assert events(store_url) == []
        running.process.terminate()
        store.client_unpause()
        assert running.process.wait(END_WITHIN_S) == 0
    assert [event.type for event in events(store_url)] == ["appeared"]


def test_a_bus_that_comes_back_empty_is_gone_on_with(tmp_path: Path, bus: FickleRedis, store_url: str) -> None:
    with tracker(tmp_path, bus.url, store_url) as running:
        wait_for(lambda: "waiting for Redis 'bus'" in running.says(), what="the missing bus to be noticed")
        bus.come()
        walk = door(bus.url, STANDING)
        walk.play(range(1, 21))
        assert running.healthy()
        bus.go()
        wait_for(lambda: "waiting for Redis 'bus'" in running.says(), what="the lost bus to be noticed")
        bus.come()
        walk.announce()
        walk.play(range(21, 41))
        assert running.healthy()
    assert walk.seqs() == list(range(1, 41))
    assert walk.ids() == {1}


def test_a_store_that_is_away_at_the_start_is_waited_for(tmp_path: Path, bus_url: str, store: FickleRedis) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store.url) as running:
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), "the missing store to be noticed")
        store.come()
        walk.play(range(1, 12))
        wait_for(running.healthy, what="the store")


def test_a_store_that_refuses_events_holds_up_nothing(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, store = door(bus_url, Walker(200, 150, frames=range(21))), connect(store_url)
    store.set(keys.EVENTS.key(), "no stream")
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 21))
        wait_for(lambda: running.counted("dropped", reason="event_refused") == 1, what="the refusal to be counted")
        store.delete(keys.EVENTS.key())
        walk.play(range(21, 62))
        wait_for(lambda: len(events(store_url)) == 1, what="the next event")
    assert walk.seqs() == list(range(1, 62))
    assert events(store_url)[0].type == "left"
