"""The second factor: the PIN opens for whoever is still there, wrong ones lock out, and nothing else is one."""

import pytest
from iot_bridge.locks.doorkeeper import Factor
from iot_bridge.locks.pins import hashed, is_right

from tests.unlocking.fakes import PIN, SECOND
from tests.unlocking.world import World


def pending() -> World:
    world = World()
    for _ in range(2):
        world.see()
    assert [decision.verdict for decision in world.store.log if decision.lock == "gate"] == ["pending"]
    return world


def reasons(world: World) -> list[str]:
    return [decision.reason for decision in world.store.log if decision.lock == "gate"]


def test_the_pin_opens_what_is_still_there() -> None:
    world = pending()
    world.factor("gate", PIN)
    assert [lock for _, lock, _, _ in world.opened] == ["gate"]


def test_the_pin_opens_nothing_once_the_face_has_gone() -> None:
    world = pending()
    world.clock.pass_ns(SECOND // 10)
    world.frame("confirmed", 99)
    world.factor("gate", PIN)
    assert reasons(world)[-1] == "gone"
    world.clock.pass_ns(16 * SECOND)
    world.factor("gate", PIN)
    assert reasons(world)[-1] == "nothing_pending"
    assert world.opened == []


def test_a_factor_that_comes_late_or_is_of_the_other_kind_opens_nothing() -> None:
    world = pending()
    world.factor("gate", PIN, 3 * SECOND)
    assert reasons(world)[-1] == "factor_late"
    world.see()
    world.tell("factor", Factor("gate", "confirm", b"", world.clock.steady_ns))
    assert reasons(world)[-1] == "nothing_pending"
    world.tell("factor", Factor("cellar", "pin", PIN, world.clock.steady_ns))
    assert "gate" not in [lock for _, lock, _, _ in world.opened]


def test_without_a_pin_none_is_right() -> None:
    world = pending()
    world.shelf.set_pin("gate", "")
    world.factor("gate", b"")
    assert reasons(world)[-1] == "no_pin"
    assert world.opened == []


def test_wrong_pins_lock_out_and_the_right_one_is_then_not_even_compared() -> None:
    world = pending()
    for _ in range(2):
        world.factor("gate", b"000000")
    world.factor("gate", PIN)
    assert reasons(world)[-3:] == ["too_many_failures", "wrong_pin", "locked_out"]
    assert world.opened == []


def test_a_right_pin_is_no_failure() -> None:
    world = pending()
    world.frame("coasting")
    for _ in range(5):
        world.factor("gate", PIN)
    assert "too_many_failures" not in reasons(world)


@pytest.mark.parametrize("kept", ["", "scrypt", "scrypt:1:1:1::", "plain:16384:8:1:00:00", "scrypt:16384:8:1:zz:zz"])
def test_garbage_for_a_hash_makes_no_pin_right(kept: str) -> None:
    assert not is_right(b"", kept)
    assert not is_right(b"1234", kept)


def test_a_pin_is_right_by_its_hash_which_differs_each_time() -> None:
    first, second = hashed("24 6810".replace(" ", "")), hashed("246810")
    assert first != second
    assert "246810" not in first
    assert is_right(b"246810", first)
    for wrong in (b"246811", b"", b"\xff", b"246810\n", b"24681"):
        assert not is_right(wrong, first)
