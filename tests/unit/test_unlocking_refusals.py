"""What else a doorkeeper refuses for has its one reason each, which is written down once."""

from collections.abc import Callable
from typing import Any

import pytest
from iot_bridge.locks.audit import Audit, Subject

from facewire.audit import Decision
from tests.unlocking.fakes import SECOND, Clock, Fault, Shelf, Store
from tests.unlocking.world import World

REFUSED: list[tuple[str, Callable[[World], Any]]] = [
    ("from_the_future", lambda world: world.look(captured_ns=world.clock.wall_ns + SECOND)),
    ("stale", lambda world: world.look(captured_ns=world.clock.wall_ns - 3 * SECOND)),
    ("replayed", lambda world: world.tell("look", world.said[-1])),
    ("no_rule", lambda world: setattr(world, "ruled", frozenset())),
    ("switched_off", lambda world: world.shelf.switch("front", on=False)),
    ("store_away", lambda world: setattr(world.store, "is_there", False)),
    ("broker_away", lambda world: setattr(world.broker, "is_there", False)),
]


@pytest.mark.parametrize(("reason", "before"), REFUSED, ids=[reason for reason, _ in REFUSED])
def test_a_doorkeeper_says_why_it_does_not_open(reason: str, before: Callable[[World], Any]) -> None:
    world = World()
    world.see()
    world.see()
    before(world)
    world.see()
    world.store.is_there = world.broker.is_there = True
    world.keeper._audit.flush()
    assert reason in [decision.reason for decision in world.store.log if decision.verdict == "refused"]
    assert bool(world.opened) == (reason in ("from_the_future", "stale", "replayed"))


def test_what_can_not_be_written_down_opens_nothing_for_that_track_any_more() -> None:
    world = World()
    world.fault.kind = "grant_fails"
    for _ in range(6):
        world.see()
    assert world.opened == []
    world.track += 1
    for _ in range(3):
        world.see()
    assert [lock for _, lock, _, _ in world.opened] == ["front"]


def test_a_face_is_let_in_once_and_after_a_restart_not_again() -> None:
    world = World()
    for _ in range(40):
        world.see()
    world.start()
    for _ in range(40):
        world.see()
    assert [lock for _, lock, _, _ in world.opened] == ["front"]
    reasons = [decision.reason for decision in world.store.log if decision.lock == "front"]
    assert reasons == ["all_fulfilled", "confirmed", "cooldown", "already_decided"][:2] + reasons[2:]
    assert reasons.count("already_decided") == 1


def test_what_goes_on_and_on_is_written_once() -> None:
    world = World()
    for _ in range(50):
        world.see(name=None)
    assert [(decision.lock, decision.reason) for decision in world.store.log] == [
        ("gate", "unknown_face"),
        ("front", "unknown_face"),
    ]


def test_a_reason_that_flickers_is_written_every_ten_seconds() -> None:
    clock, shelf = Clock(), Shelf()
    audit = Audit(shelf, lambda _decision: None)
    for number in range(100):
        audit.refuse(Subject("front", camera="door", track_id=1), "unlike" if number % 2 else "not_live", clock())
        clock.pass_ns(SECOND // 5)
    assert [decision.reason for decision in shelf.log] == ["not_live", "unlike"] * 2


def test_what_could_not_be_written_is_written_in_its_order_once_the_store_is_back() -> None:
    clock, shelf, heard = Clock(), Shelf(), list[Decision]()
    store = Store(clock, Fault(), shelf, is_there=False)
    audit = Audit(store, heard.append)
    audit.refuse(Subject("front"), "store_away", clock())
    audit.state(Subject("front"), "refused", "wrong_pin", clock())
    assert len(heard) == 2
    assert shelf.log == []
    store.is_there = True
    audit.flush()
    assert shelf.log == heard
