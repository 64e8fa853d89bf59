"""What locks are told, in the words of each, and what Home Assistant is told of them."""

from dataclasses import replace

import pytest
from iot_bridge.discovery import Node
from iot_bridge.locks.audit import Audit
from iot_bridge.locks.commands import Word, command
from iot_bridge.locks.entities import lock_components
from iot_bridge.locks.locking import Locker
from iot_bridge.locks.model import Lock, LockPreset

from facewire.audit import Decision
from facewire.messages import FaceEvent, Person
from tests.unit.home import TOPICS
from tests.unlocking.fakes import SECOND, Broker, Clock, Fault, Shelf, Store, Wire
from tests.unlocking.world import LOCKS


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
