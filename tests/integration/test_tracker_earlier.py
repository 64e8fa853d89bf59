"""What an earlier run left on a real store, damaged: no id is given twice, and it is said what was wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from facewire.messages import FaceEvent
from tests import processes
from tests.integration.door import Door, events, put
from tests.integration.tracking import STANDING, door, tracker
from tests.servers import wait_for
from tests.unit.scene import stamp

NO_NUMBERS = ["abc", "", "-3", "1e3", " 7", "٣", "12345678901234567890", "9" * 5000]


def came(track_id: int) -> FaceEvent:
    return FaceEvent(f"hall-{track_id}-1-appeared", "appeared", "hall", track_id, None, stamp(1), stamp(track_id))


def left_behind(store_url: str, *track_ids: int) -> Any:
    store = connect(store_url)
    for track_id in track_ids:
        put(store, keys.EVENTS, came(track_id), camera="")
    return store


def ids_of(walk: Door, store_url: str, count: int) -> set[int]:
    walk.play(range(1, 13))
    wait_for(lambda: len(events(store_url)) == count, what="the face")
    return walk.ids()


@pytest.mark.parametrize("kept", NO_NUMBERS)
def test_a_counter_that_is_no_number_is_made_of_the_events_and_no_id_is_given_twice(
    tmp_path: Path, bus_url: str, store_url: str, kept: str
) -> None:
    store = left_behind(store_url, 7, 41, 12)
    store.set(keys.TRACK_ID, kept)
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url) as running:
        wait_for(lambda: store.get(keys.TRACK_ID) == b"41", what="the counter to be mended")
        assert ids_of(walk, store_url, 4) == {42}
        assert running.counted("errors", kind="track_id") == 1
        assert running.output().count("ids go on after the highest of all events") == 1
    assert store.get(keys.TRACK_ID) == b"42"


def test_a_counter_that_is_gone_is_made_of_more_events_than_are_read_at_once(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    left_behind(store_url, 300, *range(1, 121))
    store = connect(store_url)
    store.xadd(keys.EVENTS.key(), {keys.FIELD: b"\xff garbage"})
    store.xadd(keys.EVENTS.key(), {b"other": b"field"})
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url) as running:
        wait_for(lambda: store.get(keys.TRACK_ID) == b"300", what="the counter to be mended, before anybody comes")
        walk.play(range(1, 13))
        wait_for(lambda: store.get(keys.TRACK_ID) == b"301", what="the face")
        assert running.counted("errors") == running.counted("errors", kind="track_id") == 1
        assert running.output().count("ids go on after the highest of all events") == 1
    assert walk.ids() == {301}


@pytest.mark.parametrize("kept", NO_NUMBERS[:3])
def test_where_nothing_tells_the_last_id_none_is_given(tmp_path: Path, bus_url: str, store_url: str, kept: str) -> None:
    store: Any = connect(store_url)
    store.set(keys.TRACK_ID, kept)
    told = processes.refused("tracker", tmp_path, BUS_URL=bus_url, STORE_URL=store_url)
    assert told == (
        f"facewire: STORE_URL: track_id there is {kept.encode()!r}, expected the last id that was given, "
        "a whole number, and no event tells it; "
        "say redis-cli SET track_id N, with N no lower than any id in your history"
    )
    assert store.get(keys.TRACK_ID) == kept.encode()


@pytest.mark.parametrize("key", [keys.TRACK_ID, keys.VISITS])
def test_what_another_program_keeps_there_is_left_alone(tmp_path: Path, bus_url: str, store_url: str, key: str) -> None:
    store: Any = connect(store_url)
    store.rpush(key, "a list")
    told = processes.refused("tracker", tmp_path, BUS_URL=bus_url, STORE_URL=store_url)
    assert told.startswith(f"facewire: STORE_URL: {key} there cannot be read (WRONGTYPE ")
    assert told.endswith("name a Redis that nobody else writes to, or rename that key")
    assert store.lrange(key, 0, -1) == [b"a list"]


def test_visits_that_cannot_be_read_are_counted_told_of_once_and_removed(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    store: Any = connect(store_url)
    left = replace(came(5), type="left")
    store.hset(
        keys.VISITS,
        mapping={
            b"hall:3": encode(came(3)),
            b"hall:4": b"\xff garbage",
            b"\xff\xfe": b"",
            b"hall:5": encode(left),
            b"hall:6": encode(came(7)),
            b"hall:1": encode(came(1)).replace(b"at_ns", b"at_ms"),
            f"hall:{2**63 - 1}": encode(replace(came(9), track_id=2**63 - 1)),
        },
    )
    for index in range(20):
        store.hset(keys.VISITS, f"porch:{index}", b"")
    with tracker(tmp_path, bus_url, store_url) as running:
        wait_for(lambda: store.hlen(keys.VISITS) == 0, what="the visits to be closed")
        for reason, count in {"not_msgpack": 22, "misplaced": 3, "missing_key": 1}.items():
            assert running.counted("rejected", reason=reason) == count, reason
        assert running.output().count("26 entries of visits are no open visits") == 1
        assert len(running.output().splitlines()) < 10
    assert [event.id for event in events(store_url)] == ["hall-3-1-left"]
    with tracker(tmp_path, bus_url, store_url) as running:
        assert running.counted("rejected") == 0
    assert len(events(store_url)) == 1


def test_an_id_of_a_visit_that_is_open_is_not_given_again_either(tmp_path: Path, bus_url: str, store_url: str) -> None:
    store: Any = connect(store_url)
    store.set(keys.TRACK_ID, 3)
    store.hset(keys.VISITS, "hall:12", encode(came(12)))
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url):
        assert ids_of(walk, store_url, 2) == {13}
