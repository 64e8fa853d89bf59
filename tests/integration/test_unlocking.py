"""The bridge opens a door for a face: identities in, one command out, between real Redis servers and a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from facewire import keys
from facewire.link import connect
from facewire.messages import FaceEvent
from tests.integration.bridge import CONFIG, bridging, fields, holds, kept, listening
from tests.integration.door import are_reading
from tests.integration.doors import (
    COMMANDS,
    LOCK,
    Visitor,
    bolted,
    decisions,
    rules,
    switch_on,
    told,
    user_properties,
    wait_for_decision,
)
from tests.processes import SECRET, environment
from tests.servers import HUNG_S, free_port, mosquitto, wait_for

SECOND = 1_000_000_000
IN_TIME_NS = 4 * SECOND
"""A look is worth something for two seconds, and a command for two more. How fast it is at rest, benchmarks say."""
READERS = 2
"""Loops of the bridge that wait for what comes over the bus: one sees the tracks, one looks at who stands there."""


@pytest.fixture
def visitor(bus_url: str) -> Iterator[Visitor]:
    """Nobody is there yet."""
    visitor = Visitor(bus_url)
    yield visitor
    visitor.close()


def set_pin(folder: Path, store_url: str, typed: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "iot_bridge", "pin", "front", *more],
        env=environment(folder, STORE_URL=store_url),
        input=typed,
        capture_output=True,
        text=True,
        timeout=HUNG_S,
    )


def test_a_door_opens_for_a_live_face_only_once_its_owner_has_switched_it_on(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, visitor: Visitor
) -> None:
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, **rules(tmp_path)) as bridge,
        bolted(broker_port) as bolt,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        home.wait(f"{LOCK}/unlocking", b"OFF")
        wait_for(lambda: are_reading(bus_url, READERS), "the bridge to see and to look")
        visitor.come(1.0)
        wait_for_decision(store_url, "refused", "switched_off")
        home.publish(f"{LOCK}/unlocking/set", b"ON")
        home.wait(f"{LOCK}/unlocking", b"ON")
        visitor.name = "Cyd"
        visitor.come(1.0)
        visitor.name, visitor.live_score = "Ada", None
        visitor.come(1.0)
        assert bolt.heard == []
        visitor.live_score = 0.95
        track = visitor.come(1.5)
        wait_for_decision(store_url, "sent", "confirmed")
        # The broker has it then, and the lock perhaps not yet.
        wait_for(lambda: bool(bolt.heard), "the command")

        ((at_ns, command),) = bolt.heard
        assert json.loads(command.payload) == {"state": "UNLOCK"}
        assert 0 < at_ns - visitor.captured[track] < IN_TIME_NS
        assert at_ns < int(user_properties(command)["expires"])
        assert told(store_url) == [
            ("refused", "switched_off"),
            ("refused", "not_allowed"),
            ("refused", "not_live"),
            ("granted", "all_fulfilled"),
            ("sent", "confirmed"),
        ]
        granted = decisions(store_url)[3]
        assert (granted.person, granted.camera, granted.track_id) == ("Ada", "door", track)
        assert user_properties(command)["id"] == granted.id
        wait_for(lambda: len(home.payloads(f"{LOCK}/decision")) >= 5, "what was decided, in the home")
        heard = [json.loads(payload) for payload in home.payloads(f"{LOCK}/decision")]
        assert [each["event_type"] for each in heard] == ["refused", "refused", "refused", "granted", "sent"]
        found = kept(broker_port, "latecomer")
        assert (found[f"{LOCK}/unlocking"], found[f"{LOCK}/locked_out"]) == (b"ON", b"OFF")
        assert not {COMMANDS, f"{LOCK}/decision"} & set(found)

        assert "lock.front.unlocking" in json.loads(found[CONFIG])["cmps"]
        (tmp_path / "rules.yaml").write_text("locks:\n", encoding="utf-8")
        wait_for(lambda: "lock.front.unlocking" not in json.loads(home.latest(CONFIG))["cmps"], what="the farewell")
        home.wait(f"{LOCK}/unlocking", b"")
        visitor.come(1.0)
        assert len(bolt.heard) == 1


def test_a_pin_is_asked_for_and_wrong_ones_lock_the_door_out_even_over_a_restart(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, visitor: Visitor
) -> None:
    assert set_pin(tmp_path, store_url, f"{SECRET}\n").returncode == 0
    kept_of_it = connect(store_url).hgetall(keys.PINS)
    assert SECRET.encode() not in str(kept_of_it).encode()
    switch_on(store_url)
    settings = rules(tmp_path, "pin")
    with bolted(broker_port) as bolt, listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port, **settings) as bridge:
            bridge.wait_until_healthy()
            home.wait(f"{LOCK}/pending", b"OFF")
            home.publish(f"{LOCK}/pin", SECRET.encode())
            wait_for_decision(store_url, "refused", "nothing_pending")
            visitor.track = 1
            home.wait(f"{LOCK}/pending", b"ON")
            assert bolt.heard == []
            home.publish(f"{LOCK}/pin", SECRET.encode())
            wait_for_decision(store_url, "sent", "confirmed")
            wait_for(lambda: len(bolt.unlocks()) == 1, what="the command")
            time.sleep(1.2)
            visitor.track = 2
            home.wait(f"{LOCK}/pending", b"ON")
            for _ in range(3):
                home.publish(f"{LOCK}/pin", b"wrong")
            wait_for_decision(store_url, "locked_out", "too_many_failures")
            home.wait(f"{LOCK}/locked_out", b"ON")
        with bridging(tmp_path, bus_url, store_url, broker_port, **settings) as bridge:
            bridge.wait_until_healthy()
            visitor.track = 3
            wait_for(
                lambda: any((each.track_id, each.reason) == (3, "locked_out") for each in decisions(store_url)),
                what="the refusal",
            )
            home.publish(f"{LOCK}/pin", SECRET.encode())
            wait_for(lambda: told(store_url).count(("refused", "nothing_pending")) == 2, what="the refusal")
        assert len(bolt.unlocks()) == 1
    assert SECRET not in (tmp_path / "bridge.log").read_text(encoding="utf-8")
    assert SECRET not in str(decisions(store_url))


def test_a_pin_that_is_none_is_refused_with_one_line(tmp_path: Path, store_url: str) -> None:
    for typed, more in (("12\n", ()), ("a b c d\n", ()), ("1234\n", ("--set",)), ("", ())):
        done = set_pin(tmp_path, store_url, typed, *more)
        assert done.returncode == 2
        assert done.stderr.startswith("facewire: expected ")
        assert done.stderr.count("\n") == 1
    assert connect(store_url).hgetall(keys.PINS) == {}
    assert set_pin(tmp_path, store_url, "1234\n").returncode == 0
    assert set_pin(tmp_path, store_url, "", "--remove").returncode == 0
    assert connect(store_url).hgetall(keys.PINS) == {}
    assert "STORE_URL" in set_pin(tmp_path, "redis://127.0.0.1:9/0", "1234\n").stderr


def test_a_door_is_locked_for_a_fresh_event_once_and_never_for_an_old_one(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    store = connect(store_url)

    def tell(number: int, age_s: float) -> None:
        at_ns = time.time_ns() - int(age_s * SECOND)
        left = FaceEvent(f"door-{number}-left", "left", "door", number, None, at_ns, at_ns)
        store.xadd(keys.EVENTS.key(), fields(left))

    tell(1, 7200)
    tell(2, 30)
    with bolted(broker_port) as bolt, bridging(tmp_path, bus_url, store_url, broker_port, **rules(tmp_path)) as bridge:
        bridge.wait_until_healthy()
        wait_for_decision(store_url, "refused", "late_event")
        wait_for(lambda: f"{LOCK}/unlocking" in kept(broker_port, "early"), what="the line")
        tell(3, 0)
        tell(3, 0)
        wait_for(lambda: bool(bolt.heard), what="the command")
        wait_for_decision(store_url, "sent", "confirmed")
        assert holds(lambda: len(bolt.heard) == 1, 1.0)
        assert json.loads(bolt.heard[0][1].payload) == {"state": "LOCK"}
        assert told(store_url) == [("refused", "late_event"), ("sent", "confirmed")]


def test_kills_of_bridge_and_broker_bring_no_second_and_no_late_unlock(
    tmp_path: Path, bus_url: str, store_url: str, visitor: Visitor
) -> None:
    switch_on(store_url)
    port, settings = free_port(), rules(tmp_path)
    folder = tmp_path / "mqtt"
    folder.mkdir()
    with ExitStack() as servers, ExitStack() as bridges:
        broker = servers.enter_context(ExitStack())
        broker.enter_context(mosquitto(folder, port=port))
        bolt = servers.enter_context(bolted(port))
        bridge = bridges.enter_context(bridging(tmp_path, bus_url, store_url, port, **settings))
        wait_for(lambda: f"{LOCK}/unlocking" in kept(port, "early"), what="the line")
        wait_for(lambda: are_reading(bus_url, READERS), "the bridge to see and to look")
        for number in range(6):
            visitor.track = number + 1
            if not number:
                wait_for_decision(store_url, "sent", "confirmed")
            # Around the third look, when the decision falls.
            time.sleep(0.2 + 0.04 * number)
            if number % 3 == 1:
                bridge.kill()
                bridges.close()
                bridge = bridges.enter_context(bridging(tmp_path, bus_url, store_url, port, **settings))
            elif number % 3 == 2:
                os.kill(int((folder / "mosquitto.pid").read_text(encoding="utf-8")), signal.SIGKILL)
                broker.close()
                broker.enter_context(mosquitto(folder, port=port))
            time.sleep(1.3)
        bridge.wait_until_healthy()
        wait_for(bolt.is_there, "the lock to listen again")
        # Whoever comes now is let in.
        visitor.track = 100
        wait_for(
            lambda: any(each.track_id == 100 and each.verdict == "sent" for each in decisions(store_url)),
            "an unlock",
        )
        # Longer than any command may be on its way.
        time.sleep(2.5)
        made = {each.id: each.track_id for each in decisions(store_url) if each.verdict == "granted"}
        opened = Counter(made[user_properties(message)["id"]] for _, message in bolt.unlocks())
        assert opened[100] == 1
        assert set(opened.values()) == {1}
        assert opened[1] == 1
        for at_ns, message in bolt.unlocks():
            assert at_ns < int(user_properties(message)["expires"])
