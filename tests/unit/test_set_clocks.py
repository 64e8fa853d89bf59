"""States recover after a clock jump: last face, people, heartbeats, lockouts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from iot_bridge.event_age import age_s
from iot_bridge.locks.audit import Audit
from iot_bridge.locks.doorkeeper import Doorkeeper
from iot_bridge.locks.evidence import Moment
from iot_bridge.locks.model import Lock
from iot_bridge.locks.opening import Opener
from iot_bridge.locks.record import Record, failed, is_locked_out, restored, stored
from iot_bridge.people import People, key_of
from iot_bridge.presence import CameraState

from facewire import clock, health
from facewire.health import Health, verdict
from facewire.messages import FaceEvent, Person
from tests.unit.ears import ADA, as_, seen
from tests.unit.home import TOPICS
from tests.unit.messages import EVENT
from tests.unlocking.fakes import SECOND, START_NS, UNLOCKING, Broker, Clock, Fault, Shelf, Wire
from tests.unlocking.fakes import Store as LockStore

HOUR_NS = 3600 * SECOND


def named(name: str, at_ns: int) -> FaceEvent:
    return replace(EVENT, type="identified", identity=Person(name, 0.8), started_ns=at_ns, at_ns=at_ns, snapshot=None)


class Door:
    """The state of a camera, and runs of the bridge that know what the broker has kept."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.kept = ""
        self.restart()

    def restart(self) -> None:
        self.state = CameraState("door", TOPICS, 2.0, 2.0, wall_ns=lambda: self.now_ns)
        if self.kept:
            self.state.remember_face(self.kept.encode())

    def tell(self, name: str, at_ns: int, entry_id: str = "") -> str:
        """Return the name of the last face after an event."""
        for said in self.state.name(named(name, at_ns), entry_id):
            self.kept = said.payload.decode()
        return str(json.loads(self.kept)["name"])


@pytest.mark.parametrize("ahead_ns", [2 * HOUR_NS, 24 * 400 * HOUR_NS, 60 * SECOND])
@pytest.mark.parametrize("restarts", [False, True])
def test_the_last_face_recovers_from_a_clock_that_was_ahead(ahead_ns: int, *, restarts: bool) -> None:
    door = Door()
    door.now_ns += ahead_ns
    assert door.tell("Ada", door.now_ns) == "Ada"
    door.now_ns -= ahead_ns - SECOND
    if restarts:
        door.restart()
    assert door.tell("Bob", door.now_ns) == "Bob"
    assert door.tell("Cyd", door.now_ns + SECOND) == "Cyd"
    # Delivered again after a restart.
    assert door.tell("Bob", door.now_ns) == "Cyd"


@pytest.mark.parametrize("restarts", [False, True])
def test_the_order_of_the_stream_counts_more_than_any_clock(*, restarts: bool) -> None:
    door = Door()
    assert door.tell("Ada", door.now_ns, "1700-5") == "Ada"
    if restarts:
        door.restart()
    # The clock went back by two hours, and nobody knows by now.
    assert door.tell("Bob", door.now_ns - 2 * HOUR_NS, "1700-6") == "Bob"
    assert door.tell("Ada", door.now_ns - 3 * HOUR_NS, "1700-5") == "Bob"


def test_what_is_remembered_late_does_not_overtake_what_was_said_in_this_run() -> None:
    door = Door()
    door.tell("Ada", door.now_ns + 2 * HOUR_NS)
    kept, door.kept = door.kept, ""
    door.restart()
    assert door.tell("Bob", door.now_ns) == "Bob"
    door.state.remember_face(kept.encode())
    assert json.loads(door.state.retained()[0].payload)["name"] == "Bob"


@pytest.mark.parametrize("jump", [timedelta(days=100), timedelta(days=-100), timedelta(days=365 * 56)])
def test_people_are_not_forgotten_for_a_clock_that_jumps(jump: timedelta) -> None:
    wall = [datetime(2026, 11, 28, tzinfo=UTC)]
    people = People(TOPICS, 2.0, 60, lambda: wall[0])
    seen_at = (wall[0] - timedelta(days=10)).isoformat()
    fields = {"name": "Ada", "presence": "OFF", "camera": "door", "at": seen_at}
    people.remember(key_of("Ada"), json.dumps(fields).encode(), 0.0)
    people.update(replace(seen(as_("Bob")), captured_ns=int(wall[0].timestamp()) * SECOND), 1.0)
    people.tick(10.0)
    assert people.old(wall[0] + jump, 10.0) == set()
    day_s = 86_400
    assert people.old(wall[0] + timedelta(days=51), 51 * day_s) == {key_of("Ada")}
    assert people.old(wall[0] + timedelta(days=61), 61 * day_s) == {key_of("Ada"), key_of("Bob")}


@pytest.mark.parametrize("at", ["1970-01-01T00:10:00+00:00", "2027-11-28T00:00:00+00:00"])
def test_people_seen_by_a_wrong_clock_are_kept_for_their_time_and_then_forgotten(at: str) -> None:
    wall = datetime(2026, 11, 28, tzinfo=UTC)
    people = People(TOPICS, 2.0, 60, lambda: wall)
    fields = {"name": "Ada", "presence": "OFF", "camera": "door", "at": at}
    people.remember(key_of("Ada"), json.dumps(fields).encode(), 0.0)
    assert people.old(wall + timedelta(days=59), 59 * 86_400.0) == set()
    assert people.old(wall + timedelta(days=61), 61 * 86_400.0) == {key_of("Ada")}


def test_a_person_is_one_however_the_name_is_spelt_and_a_second_topic_is_erased() -> None:
    people = People(TOPICS, 2.0, 60)
    for number, name in enumerate(("Ada", "ada", "ADA", "A\u200dda", "\uff21da"), start=1):
        people.update(seen(as_(name, number)), 1.0)
    assert people.named == {key_of("Ada"): "Ada"}
    fields = {"name": "ada", "presence": "OFF", "camera": "door", "at": "2026-11-28T00:00:00+00:00"}
    people.remember(key_of("ada"), json.dumps(fields).encode(), 2.0)
    erased = [said for said in people.tick(2.0) if not said.payload]
    assert [said.topic for said in erased] == [TOPICS.person(key_of("ada"))]
    assert TOPICS.person(key_of("Ada")) == ADA
    assert people.named == {key_of("Ada"): "Ada"}


def test_a_stuck_loop_is_told_by_the_steady_clock(tmp_path: Path) -> None:
    now = clock.now()
    for ago_s, jump_s, healthy in ((2, 7200, True), (2, -7200, True), (11, -7200, False), (11, 7200, False)):
        at_s, steady_s = now.wall_s - jump_s, now.steady_s - ago_s
        health.write(Health("test", "1", at_s, healthy=True, steady_s=steady_s, boot=now.boot), tmp_path)
        assert verdict("test", tmp_path, now.wall_s)[0] is healthy
    health.write(Health("test", "1", now.wall_s, healthy=True, steady_s=now.steady_s, boot="another"), tmp_path)
    assert verdict("test", tmp_path, now.wall_s) == (
        False,
        "test: its loop has been stuck since before the machine started",
    )


def test_an_event_from_the_future_is_of_unknown_age() -> None:
    assert age_s(START_NS, START_NS + 3 * SECOND) == 3
    assert age_s(START_NS + 2 * SECOND, START_NS) == 0
    assert age_s(START_NS + HOUR_NS, START_NS) == float("inf")


@pytest.mark.parametrize("ahead_s", [86_400, -86_400, 0])
def test_a_lockout_of_another_boot_lasts_its_time_whatever_the_clock_does_later(ahead_s: int) -> None:
    strict = replace(UNLOCKING, failures=1)
    then = Moment(START_NS + ahead_s * SECOND, 50 * SECOND, "before")
    shelf, ticking = Shelf(), Clock(START_NS + SECOND, 9 * SECOND)
    shelf.keep("front", stored(failed(Record(), strict, then), then))
    keeper = _keeper(shelf, ticking, Lock("front", "topic", "open/front", strict))
    keeper.rebase()

    def locked_out() -> bool:
        return is_locked_out(restored(shelf.record("front"), ticking()), strict, ticking())

    expected = ahead_s >= 0
    assert locked_out() is expected
    # The clock is set by a day either way: nothing is shortened, and nothing lasts for a day.
    for jump_s in (86_400, -2 * 86_400):
        ticking.wall_ns += jump_s * SECOND
        assert locked_out() is expected
    ticking.pass_ns(600 * SECOND)
    keeper.rebase()
    assert not locked_out()


def _keeper(shelf: Shelf, ticking: Clock, lock: Lock) -> Doorkeeper:
    fault = Fault()
    store = LockStore(ticking, fault, shelf)
    audit = Audit(store, lambda _decision: None)
    broker = Broker(ticking, fault, store, Wire())
    opener = Opener(store, broker, audit, ticking, TOPICS)
    return Doorkeeper(lambda: {lock.name: lock}, lambda *_: (), store, opener, audit, ticking)
