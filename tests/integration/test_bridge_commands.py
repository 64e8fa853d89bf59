"""What a home switches is stored, said and obeyed, whatever is restarted, and nothing else is."""

import json
import os
import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from facewire import controls, keys
from facewire.link import connect
from tests.integration.bridge import BASE, PRIVACY, bridging, components, holds, kept, listening, metrics, stored
from tests.processes import FickleRedis, fickle_redis
from tests.servers import free_port, mosquitto, wait_for

DETECTION = f"{BASE}/door/detection"


def refused(port: int, reason: str) -> bool:
    return f'rejected_total{{reason="{reason}"}} ' in metrics(port)


@pytest.mark.usefixtures("room")
def test_a_command_is_stored_then_said_and_outlives_bridge_and_broker(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    port = free_port()
    with ExitStack() as first, bridging(tmp_path, bus_url, store_url, port) as bridge:
        first.enter_context(mosquitto(tmp_path, port=port))
        home = first.enter_context(listening(port))
        home.wait(PRIVACY, b"OFF")
        # What was kept comes in any order.
        home.wait(f"{BASE}/backend", b"auto")
        for topic, payload in ((PRIVACY, b"ON"), (f"{BASE}/detect_every", b"7"), (f"{BASE}/recognition", b"OFF")):
            home.publish(f"{topic}/set", payload)
            home.wait(topic, payload)
        assert stored(store_url) == {"privacy:door": "on", "detect_every": "7", "recognition": "off"}
        home.publish(f"{DETECTION}/set", b"OFF")
        home.wait(DETECTION, b"OFF")
        home.publish(f"{DETECTION}/set", b"ON")
        home.wait(DETECTION, b"ON")
        assert "detection:door" not in stored(store_url)
        home.wait(f"{BASE}/door/status", b"privacy")
        first.close()
        # A broker that has forgotten everything: whatever is true is said again.
        (tmp_path / "mosquitto.db").unlink(missing_ok=True)
        with mosquitto(tmp_path, port=port), listening(port, "another") as home:
            bridge.wait_until_healthy()
            home.wait(PRIVACY, b"ON")
            home.wait(f"{BASE}/detect_every", b"7")
            home.wait(f"{BASE}/door/status", b"privacy")
            bridge.stop()
            connect(store_url).hset(keys.CONTROLS, keys.DETECT_EVERY, "9")
            with bridging(tmp_path, bus_url, store_url, port):
                home.wait(f"{BASE}/detect_every", b"9")
                assert kept(port, "latecomer")[PRIVACY] == b"ON"


@pytest.mark.usefixtures("room")
def test_commands_that_were_kept_or_make_no_sense_change_nothing_and_are_counted(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    metrics_port = free_port()
    with listening(broker_port) as home:
        home.publish(f"{PRIVACY}/set", b"ON", retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port, METRICS_PORT=str(metrics_port)):
            wait_for(lambda: refused(metrics_port, "retained_command"), "the kept command to be refused")
            home.wait(PRIVACY, b"OFF")
            for topic, payload in (
                (f"{PRIVACY}/set", b"on"),
                (f"{BASE}/hall/privacy/set", b"ON"),
                (f"{BASE}/backend/set", b"cuda"),
                (f"{BASE}/detect_every/set", b"16"),
            ):
                home.publish(topic, payload)
            home.publish(f"{BASE}/recognition/set", b"OFF")
            home.wait(f"{BASE}/recognition", b"OFF")
            assert stored(store_url) == {"recognition": "off"}
            assert 'rejected_total{reason="bad_value"} 3.0' in metrics(metrics_port)
            assert 'rejected_total{reason="unknown_camera"} 1.0' in metrics(metrics_port)
            assert home.latest(PRIVACY) == b"OFF"


@pytest.mark.usefixtures("room")
def test_without_the_store_nothing_is_switched_nor_said_to_be(tmp_path: Path, bus_url: str, broker_port: int) -> None:
    metrics_port = free_port()
    with (
        fickle_redis(tmp_path / "store", append_only=True) as store,
        listening(broker_port) as home,
        bridging(tmp_path, bus_url, store.url, broker_port, METRICS_PORT=str(metrics_port)) as bridge,
    ):
        home.wait(f"{BASE}/door/presence", b"OFF")
        home.publish(f"{PRIVACY}/set", b"ON")
        wait_for(lambda: dropped(metrics_port) == 1, "the command to be counted")
        assert home.payloads(PRIVACY) == []
        come(store)
        home.wait(PRIVACY, b"OFF")
        home.publish(f"{PRIVACY}/set", b"ON")
        home.wait(PRIVACY, b"ON")
        store.go()
        wait_for(lambda: not bridge.healthy(), "the loss to be noticed")
        home.publish(f"{PRIVACY}/set", b"OFF")
        wait_for(lambda: dropped(metrics_port) == 2, "the command to be counted")
        assert holds(lambda: home.latest(PRIVACY) == b"ON", 1.5)
        come(store)
        bridge.wait_until_healthy()
        assert holds(lambda: home.latest(PRIVACY) == b"ON", 1.0), "what was commanded meanwhile is not done later"
        assert stored(store.url) == {"privacy:door": "on"}
        bridge.stop()


def dropped(port: int) -> float:
    """Count the commands that found no store."""
    found = re.search(r'dropped_total\{reason="command_without_store"\} (\S+)', metrics(port))
    return float(found[1]) if found else 0


def come(store: FickleRedis) -> None:
    store.come()
    wait_for(lambda: bool(connect(store.url).ping()), what="the store")


@pytest.mark.usefixtures("room")
def test_what_is_commanded_while_the_bridge_is_away_is_not_done_later(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            home.wait(PRIVACY, b"OFF")
            bridge.stop()
        home.publish(f"{PRIVACY}/set", b"ON")
        with bridging(tmp_path, bus_url, store_url, broker_port):
            home.wait(f"{BASE}/availability", b"online")
            home.publish(f"{BASE}/recognition/set", b"OFF")
            home.wait(f"{BASE}/recognition", b"OFF")
            assert stored(store_url) == {"recognition": "off"}


@pytest.mark.usefixtures("room")
def test_two_nodes_on_one_broker_obey_only_their_own_commands(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    (tmp_path / "b").mkdir()
    with (
        listening(broker_port) as home,
        bridging(tmp_path, bus_url, store_url, broker_port),
        # One with the same camera; a store of its own.
        bridging(tmp_path / "b", bus_url, bus_url, broker_port, NODE_ID="door-pi2"),
    ):
        other = "facewire/door-pi2/door/privacy"
        home.wait(PRIVACY, b"OFF")
        home.wait(other, b"OFF")
        home.publish(f"{other}/set", b"ON")
        home.wait(other, b"ON")
        assert (stored(store_url), stored(bus_url)) == ({}, {"privacy:door": "on"})
        assert home.latest(PRIVACY) == b"OFF"


@pytest.mark.usefixtures("room")
def test_the_backends_that_the_detector_can_use_may_be_chosen(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    bus = connect(bus_url)
    beat = {"at_s": time.time(), "healthy": 1, "waiting_for": "", "notes": json.dumps({"usable": "tvm onnxruntime"})}
    beat["figures"] = json.dumps({"memory_mb": 99.5, "hottest_c": 51.5, "dropped": 2})
    bus.hset(keys.health("detector", "1"), mapping=beat)
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port):
        wait_for(
            lambda: components(home).get("backend_choice", {}).get("ops") == ["auto", "onnxruntime", "tvm"],
            "the backends",
        )
        home.publish(f"{BASE}/backend/set", b"tvm")
        home.wait(f"{BASE}/backend", b"tvm")
        assert controls.read(connect(store_url)).backend == "tvm"
        health = json.loads(home.latest(f"{BASE}/health"))
        assert health["temperature_c"] == 51.5
        assert health["memory_mb"] > 99.5


@pytest.mark.usefixtures("room")
def test_a_broker_that_stands_still_does_not_hold_up_the_store(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
        home.wait(PRIVACY, b"OFF")
        bridge.wait_until_healthy()
        pid = int((tmp_path / "mqtt" / "mosquitto.pid").read_text(encoding="utf-8"))
        os.kill(pid, signal.SIGSTOP)
        try:
            connect(store_url).hset(keys.CONTROLS, keys.privacy("door"), controls.ON)
            assert holds(bridge.healthy, 1.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        home.wait(PRIVACY, b"ON")
