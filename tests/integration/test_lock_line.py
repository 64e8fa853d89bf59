"""The line for lock commands against a real broker: what is not sent now is never sent."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from iot_bridge.locks.audit import Subject, decision
from iot_bridge.locks.doors import machine_clock
from iot_bridge.locks.line import LockLine
from iot_bridge.locks.memory import StoreMemory
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.integration.bridge import broker_pid, listening
from tests.integration.doors import bolted, user_properties
from tests.processes import END_WITHIN_S
from tests.servers import HUNG_S, free_port, mosquitto, wait_for
from tests.unlocking.sequences import STEPS, Outcome
from tests.unlocking.world import World

TOPICS = Topics("facewire", "door-pi")
UNLOCK = Publication("open/front", b"UNLOCK")


@contextmanager
def lined(port: int, heartbeat: Heartbeat, heard: list[tuple[str, bytes]] | None = None) -> Iterator[LockLine]:
    """Hold a line until the block ends."""
    settings = BridgeSettings(mqtt_port=port, node_id="door-pi")
    listened = [] if heard is None else heard
    line = LockLine(
        settings, TOPICS, lambda topic, payload: listened.append((topic, payload)), heartbeat, open_log("test")
    )
    stop = Event()
    thread = Thread(target=line.run, args=(stop, lambda: None), daemon=True)
    thread.start()
    try:
        yield line
    finally:
        stop.set()
        thread.join(END_WITHIN_S)
        assert not thread.is_alive()


def send(line: LockLine, name: str = "front-1") -> str:
    return line.send(UNLOCK, name, time.time_ns() + 2_000_000_000)


def up(line: LockLine) -> None:
    wait_for(line.is_up, "the line")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mqtt").mkdir()
    return tmp_path / "mqtt"


def test_a_command_arrives_with_its_id_its_expiry_and_is_not_retained(broker_port: int, heartbeat: Heartbeat) -> None:
    with lined(broker_port, heartbeat) as line:
        up(line)
        assert send(line) == "nobody_listens"
        with bolted(broker_port, "open/#") as bolt:
            assert send(line, "front-2") == "sent"
            wait_for(lambda: bool(bolt.heard), what="the command")
            (_, message), *more = bolt.heard
            assert not more
            assert (message.payload, message.qos, message.retain) == (b"UNLOCK", 1, False)
            assert user_properties(message)["id"] == "front-2"
            assert int(user_properties(message)["expires"]) > time.time_ns()
            properties: Any = message.properties
            assert 1 <= properties.MessageExpiryInterval <= 2


def test_without_a_broker_nothing_is_sent_then_or_later(folder: Path, heartbeat: Heartbeat) -> None:
    port = free_port()
    with lined(port, heartbeat) as line:
        assert send(line) == "away"
        with mosquitto(folder, port=port), bolted(port, "open/#") as bolt:
            up(line)
            with listening(port, "other"):
                time.sleep(0.5)
            assert bolt.heard == []


def test_a_lock_that_was_away_hears_no_late_command(broker_port: int, heartbeat: Heartbeat) -> None:
    with lined(broker_port, heartbeat) as line, bolted(broker_port, "open/#") as bolt:
        up(line)
        bolt.go()
        # The broker keeps it for the lock's session.
        assert send(line) == "sent"
        time.sleep(3.2)
        bolt.come()
        assert send(line, "front-2") == "sent"
        wait_for(lambda: bool(bolt.heard), what="the second command")
        assert [user_properties(message)["id"] for _, message in bolt.heard] == ["front-2"]


def test_a_broker_killed_before_it_confirms_brings_no_late_command(folder: Path, heartbeat: Heartbeat) -> None:
    port = free_port()
    with ExitStack() as first, lined(port, heartbeat) as line:
        first.enter_context(mosquitto(folder, port=port))
        with bolted(port, "open/#") as bolt:
            up(line)
            pid = broker_pid(folder)
            # It hangs: the command lies in its socket, and is never confirmed.
            os.kill(pid, signal.SIGSTOP)
            assert send(line) == "unconfirmed"
            os.kill(pid, signal.SIGKILL)
            first.close()
            with mosquitto(folder, port=port):
                up(line)
                assert send(line, "front-2") in ("sent", "nobody_listens")
                time.sleep(2.5)
                assert "front-1" not in [user_properties(message)["id"] for _, message in bolt.heard]


def test_no_command_is_given_to_a_broker_that_hangs(folder: Path, heartbeat: Heartbeat) -> None:
    with mosquitto(folder) as port, lined(port, heartbeat) as line, bolted(port, "open/#") as bolt:
        up(line)
        granted = decision(Subject("front"), "granted", "all_fulfilled", machine_clock()())
        assert line.announce(granted)
        pid = broker_pid(folder)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert not line.announce(granted)
            # The connection is thrown away: the next must be a new one.
            assert not line.is_up()
            assert send(line) == "away"
            time.sleep(2.0)
        finally:
            os.kill(pid, signal.SIGCONT)
        up(line)
        assert bolt.heard == []


def test_what_forbids_a_command_is_told(folder: Path, heartbeat: Heartbeat) -> None:
    rights = folder / "rights.acl"
    rights.write_text("topic read #\ntopic write facewire/#\n", encoding="utf-8")
    rights.chmod(0o600)
    with mosquitto(folder, more=f"acl_file {rights}") as port, lined(port, heartbeat) as line:
        up(line)
        assert send(line) == "not_permitted"


def test_what_was_retained_or_said_while_the_line_was_down_is_not_heard(folder: Path, heartbeat: Heartbeat) -> None:
    port, heard = free_port(), list[tuple[str, bytes]]()
    pin = "facewire/door-pi/lock/front/pin"
    with mosquitto(folder, port=port):
        home = Client(CallbackAPIVersion.VERSION2, "home")
        home.connect("127.0.0.1", port)
        home.loop_start()
        home.publish(pin, b"0000", qos=1, retain=True).wait_for_publish(HUNG_S)
        with lined(port, heartbeat, heard) as line:
            up(line)
            home.publish(pin, b"1111", qos=1, retain=True).wait_for_publish(HUNG_S)
            home.publish(pin, b"2222", qos=1).wait_for_publish(HUNG_S)
            wait_for(lambda: bool(heard), what="the PIN")
        home.publish(pin, b"3333", qos=1).wait_for_publish(HUNG_S)
        with lined(port, heartbeat, heard) as line:
            up(line)
            home.publish(pin, b"4444", qos=1).wait_for_publish(HUNG_S)
            wait_for(lambda: len(heard) > 1, what="the PIN")
        home.disconnect()
        home.loop_stop()
    assert heard == [(pin, b"2222"), (pin, b"4444")]


def test_sequences_come_to_the_same_with_a_real_store_and_a_real_broker(
    store_url: str, broker_port: int, heartbeat: Heartbeat, metrics: Metrics
) -> None:
    client, outcome, random = connect(store_url), Outcome(), Random(7)
    shelf = StoreMemory(Link(client, "store", heartbeat, metrics))
    with lined(broker_port, heartbeat) as line:
        up(line)
        for _ in range(40):
            client.flushall()
            outcome.add(random.randbytes(2 * STEPS), World(shelf=shelf, line=line))
    assert outcome.forbidden == outcome.missing == []
    assert outcome.unlocks > 20
