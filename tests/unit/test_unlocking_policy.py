"""Every refusal has its one reason, in the order in which docs/unlocking.md asks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from iot_bridge.discovery import Node
from iot_bridge.locks.audit import Audit, Subject
from iot_bridge.locks.commands import Word, command
from iot_bridge.locks.doorkeeper import Factor
from iot_bridge.locks.entities import lock_components
from iot_bridge.locks.evidence import Look, Moment, Shown
from iot_bridge.locks.locking import Locker
from iot_bridge.locks.model import Evidence, Lock, LockPreset, Unlocking
from iot_bridge.locks.pins import hashed, is_right
from iot_bridge.locks.policy import judge
from iot_bridge.locks.record import Record, failed, is_cooling_down, is_locked_out, opened, restored, stored
from iot_bridge.topics import Topics

from facewire.audit import Decision, Reason
from facewire.messages import FaceEvent, Person, Track
from tests.unlocking.fakes import PIN, SECOND, START_NS, Broker, Clock, Fault, Shelf, Store, Wire
from tests.unlocking.world import LOCKS, World

TOPICS = Topics("facewire", "door-pi")
NOW = Moment(START_NS, 100 * SECOND, "boot")
UNLOCKING = Unlocking(("Ada", "Ben"), ("door",))
TRACK = Track(7, (0.0, 0.0, 100.0, 140.0), 0.9, "confirmed", 9, (0.0, 0.0))
GOOD = [
    Look(
        n, NOW.wall_ns - (6 - n) * SECOND // 5, NOW.steady_ns - (6 - n) * SECOND // 5, f"{n}", "Ada", 0.7, 0.3, 0.9, 90
    )
    for n in range(1, 6)
]
THERE = Shown(NOW.wall_ns, NOW.steady_ns, 6, {7: TRACK})


def all_of(**changes: Any) -> list[Look]:
    return [replace(look, **changes) for look in GOOD]


def last(**changes: Any) -> list[Look]:
    return [*GOOD[:-1], replace(GOOD[-1], **changes)]


def aged(seconds: float) -> list[Look]:
    ns = int(seconds * SECOND)
    return [replace(each, captured_ns=each.captured_ns - ns, arrived_ns=each.arrived_ns - ns) for each in GOOD]


@pytest.mark.parametrize(
    ("looks", "shown", "reason"),
    [
        (GOOD, THERE, None),
        (GOOD[1:], THERE, None),
        (GOOD[2:], THERE, "too_few_looks"),
        ([], THERE, "too_few_looks"),
        (aged(10), THERE, "too_few_looks"),
        (all_of(name=None), THERE, "unknown_face"),
        (all_of(name="Cyd"), THERE, "not_allowed"),
        ([replace(GOOD[0], name="Cyd"), *all_of(name="Dan")[1:]], THERE, "not_allowed"),
        ([replace(GOOD[0], name="Ben"), *GOOD[1:]], THERE, "someone_else"),
        ([replace(GOOD[0], name="Cyd", similarity=-0.5), *GOOD[1:]], THERE, "someone_else"),
        ([*all_of(name=None)[:2], *GOOD[2:]], THERE, "unsure"),
        (all_of(similarity=0.499), THERE, "unlike"),
        (all_of(similarity=math.nan), THERE, "unlike"),
        (all_of(margin=0.099), THERE, "too_close"),
        (all_of(live_score=None), THERE, "not_live"),
        (all_of(live_score=0.799), THERE, "not_live"),
        ([*all_of(live_score=0.0)[:2], *GOOD[2:]], THERE, "not_live"),
        (all_of(face_px=79.9), THERE, "too_small"),
        (all_of(face_px=0.0), THERE, "too_small"),
        (last(name=None), THERE, "last_look"),
        (last(live_score=0.1), THERE, "last_look"),
        (aged(1.81), THERE, "stale"),
        ([replace(each, captured_ns=each.captured_ns - 2 * SECOND) for each in GOOD], THERE, "stale"),
        ([replace(each, arrived_ns=each.arrived_ns - 2 * SECOND) for each in GOOD], THERE, "stale"),
        (GOOD, None, "camera_silent"),
        (GOOD, replace(THERE, captured_ns=NOW.wall_ns - SECOND - 1), "camera_silent"),
        (GOOD, replace(THERE, arrived_ns=NOW.steady_ns - SECOND - 1), "camera_silent"),
        (GOOD, replace(THERE, tracks={}), "gone"),
        (GOOD, replace(THERE, tracks={8: TRACK}), "gone"),
        (GOOD, replace(THERE, tracks={7: replace(TRACK, state="coasting")}), "gone"),
        (GOOD, replace(THERE, tracks={7: replace(TRACK, state="tentative")}), "gone"),
    ],
)
def test_what_is_seen_is_judged_by_the_first_rule_that_it_breaks(
    looks: Sequence[Look], shown: Shown | None, reason: Reason | None
) -> None:
    assert judge(UNLOCKING, looks, 7, shown, NOW).reason == reason


@pytest.mark.parametrize(
    "unlocking",
    [
        replace(UNLOCKING, people=()),
        *(
            replace(UNLOCKING, evidence=replace(Evidence(), **numbers))
            for numbers in (
                *({"of_looks": (0, 0)}, {"of_looks": (-1, 5)}, {"of_looks": (6, 5)}),
                *({"similarity": math.nan}, {"margin": math.nan}, {"live_score": math.nan}, {"face_px": math.nan}),
            )
        ),
    ],
)
def test_numbers_that_make_no_sense_open_nothing(unlocking: Unlocking) -> None:
    assert judge(unlocking, GOOD, 7, THERE, NOW).reason is not None
    assert judge(unlocking, [], 7, THERE, NOW).reason is not None


# ---- what else a doorkeeper refuses for


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


# ---- the second factor


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


# ---- what is remembered


def test_failures_count_for_a_while_and_lock_out_for_a_while() -> None:
    clock, record = Clock(), Record()
    for _ in range(4):
        record = failed(record, UNLOCKING, clock())
        clock.pass_ns(100 * SECOND)
    assert not is_locked_out(record, UNLOCKING, clock())
    for _ in range(2):
        record = failed(record, UNLOCKING, clock())
    assert not is_locked_out(record, UNLOCKING, clock())
    record = failed(record, UNLOCKING, clock())
    assert is_locked_out(record, UNLOCKING, clock())
    clock.pass_ns(600 * SECOND - 1)
    assert is_locked_out(record, UNLOCKING, clock())
    clock.pass_ns(1)
    assert not is_locked_out(record, UNLOCKING, clock())


@pytest.mark.parametrize(
    ("then", "later", "age_s"),
    [
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9 * SECOND, 59 * SECOND, "a"), 9),
        # The clock was set: within one run of the machine the steady clock tells.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9999 * SECOND, 59 * SECOND, "a"), 9),
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS - 9999 * SECOND, 59 * SECOND, "a"), 9),
        # The machine was started anew: the clock on the wall tells.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS + 9 * SECOND, 3 * SECOND, "b"), 9),
        (Moment(START_NS, 50 * SECOND, ""), Moment(START_NS + 9 * SECOND, 3 * SECOND, ""), 9),
        # And goes wrong: what would lie in the future happened now.
        (Moment(START_NS, 50 * SECOND, "a"), Moment(START_NS - 9 * SECOND, 3 * SECOND, "b"), 0),
    ],
)
def test_what_is_remembered_survives_a_restart_and_a_clock_that_is_set(then: Moment, later: Moment, age_s: int) -> None:
    strict = replace(UNLOCKING, failures=2)
    record = opened(failed(failed(Record(), strict, then), strict, then), then)
    found = restored(stored(record, then), later)
    assert (found.locked_out, found.opened) == (later.steady_ns - age_s * SECOND,) * 2
    assert is_cooling_down(found, UNLOCKING, later)
    assert restored({}, later) == Record()


@pytest.mark.parametrize(
    "change",
    [
        {"times": "{"},
        {"times": "[" * 9999},
        {"times": "{}"},
        {"times": '{"failures": 3, "locked_out": null, "opened": null}'},
        {"times": '{"failures": [], "locked_out": "never", "opened": null}'},
        {"times": '{"failures": [true], "locked_out": null, "opened": null}'},
        {"boot": "other", "ahead_ns": "soon"},
    ],
)
def test_garbage_locks_out(change: dict[str, str]) -> None:
    fields = stored(Record(), NOW) | change
    assert is_locked_out(restored(fields, NOW), UNLOCKING, NOW)
    assert is_locked_out(restored({"times": "{}"}, NOW), UNLOCKING, NOW)


# ---- commands


@pytest.mark.parametrize(
    ("preset", "address", "word", "topic", "payload"),
    [
        ("zigbee2mqtt", "hall/door", "UNLOCK", "zigbee2mqtt/hall/door/set", b'{"state":"UNLOCK"}'),
        ("tasmota", "strike", "UNLOCK", "cmnd/strike/POWER", b"ON"),
        ("tasmota", "strike", "LOCK", "cmnd/strike/POWER", b"OFF"),
        ("esphome", "node/front", "UNLOCK", "node/lock/front/command", b"UNLOCK"),
        ("esphome", "home/node/front", "LOCK", "home/node/lock/front/command", b"LOCK"),
        (
            *("shelly", "plus1-a", "UNLOCK", "plus1-a/rpc"),
            b'{"id":"front-1","src":"facewire","method":"Switch.Set","params":{"id":0,"on":true}}',
        ),
        (
            *("shelly", "pro4/switch:3", "LOCK", "pro4/rpc"),
            b'{"id":"front-1","src":"facewire","method":"Switch.Set","params":{"id":3,"on":false}}',
        ),
        ("home_assistant", "lock.front", "UNLOCK", "facewire/door-pi/command/lock.front", b"UNLOCK"),
        ("topic", "open/front", "UNLOCK", "open/front", b'{"id":"front-1","command":"UNLOCK","expires_ns":99}'),
    ],
)
def test_each_preset_says_it_in_its_own_words(
    preset: LockPreset, address: str, word: Word, topic: str, payload: bytes
) -> None:
    message = command(Lock("front", preset, address), word, "front-1", 99, TOPICS)
    assert (message.topic, message.payload, message.retain) == (topic, payload, False)


@pytest.mark.parametrize("address", ["shelly/light:0", "shelly/switch:", "shelly/switch:x"])
def test_what_is_no_switch_of_a_shelly_is_no_lock(address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        command(Lock("front", "shelly", address), "UNLOCK", "front-1", 99, TOPICS)


def test_locking_is_done_once_for_each_event_and_its_refusal_written() -> None:
    clock, fault = Clock(), Fault()
    store = Store(clock, fault, Shelf())
    store.log.append(Decision("x", "front", "LOCK", "granted", "all_fulfilled", 1, None, None, None, None))
    broker = Broker(clock, fault, store, Wire())
    locker = Locker(store, broker, Audit(store, lambda _decision: None), clock, TOPICS)
    ada = FaceEvent("door-1-left", "left", "door", 1, Person("Ada", 0.7), clock.wall_ns, clock.wall_ns)
    broker.is_there = False
    locker.lock(LOCKS["front"], ada)
    broker.is_there = True
    locker.lock(LOCKS["front"], ada)
    clock.pass_ns(11 * SECOND)
    locker.lock(LOCKS["front"], replace(ada, id="door-2-left"))
    store.is_there = False
    locker.lock(LOCKS["front"], replace(ada, id="door-3-left", at_ns=clock.wall_ns))
    store.is_there = True
    locker._audit.flush()
    assert [(decision.verdict, decision.reason) for decision in store.log[1:]] == [
        ("refused", "broker_away"),
        ("refused", "late_event"),
        ("refused", "store_away"),
    ]


# ---- what Home Assistant is told


def test_each_lock_that_may_open_has_its_entities_and_no_message_of_theirs_is_kept() -> None:
    found = lock_components(Node(TOPICS, "Door", "homeassistant"), LOCKS)
    assert set(found) == {
        *(
            f"lock.{name}.{leaf}"
            for name in ("front", "gate", "shed")
            for leaf in ("unlocking", "decision", "locked_out")
        ),
        *("lock.gate.pin", "lock.gate.pending", "lock.shed.confirm", "lock.shed.pending"),
    }
    commanding = [component for component in found.values() if "cmd_t" in component]
    assert len(commanding) == 5
    for component in commanding:
        assert component["qos"] == 0
        assert not component.get("ret", False)
    # Else Home Assistant would show what was typed.
    assert found["lock.gate.pin"]["stat_t"] == "facewire/door-pi/lock/gate/pending"
