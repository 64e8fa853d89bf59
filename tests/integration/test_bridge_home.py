"""What a home sees and switches, through a real broker and real Redis servers, whatever is restarted meanwhile."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iot_bridge.people import key_of
from PIL import Image

from facewire import controls, keys
from facewire.link import connect
from facewire.messages import Frame, Person
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Listener,
    Room,
    Store,
    acknowledged,
    bridging,
    event,
    fields,
    holds,
    kept,
    listening,
    metrics,
)
from tests.integration.door import put
from tests.processes import FickleRedis, fickle_redis
from tests.servers import free_port, mosquitto, wait_for

ADA = f"{BASE}/people/{key_of('Ada')}"
PRIVACY, DETECTION = f"{BASE}/door/privacy", f"{BASE}/door/detection"


@pytest.fixture
def room(bus_url: str) -> Iterator[Room]:
    """A camera before which nobody is yet."""
    room = Room(bus_url)
    yield room
    room.close()


def stored(url: str) -> dict[str, str]:
    raw: Any = connect(url).hgetall(keys.CONTROLS)
    return {name.decode(): value.decode() for name, value in raw.items()}


def components(home: Listener) -> dict[str, Any]:
    return dict(json.loads(home.latest(CONFIG) or b'{"cmps":{}}')["cmps"])


def refused(port: int, reason: str) -> bool:
    return f'rejected_total{{reason="{reason}"}} ' in metrics(port)


# ---- commands


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


# ---- people, the last face, pictures


def test_people_and_the_last_face_are_known_again_after_a_restart_and_a_broker_that_forgot_is_told(
    tmp_path: Path, bus_url: str, store_url: str, room: Room
) -> None:
    port, store = free_port(), Store(connect(store_url))
    identified = replace(
        event(1), id="x", type="identified", identity=Person("Ada", 0.75), snapshot=None, at_ns=time.time_ns()
    )
    with ExitStack() as first:
        first.enter_context(mosquitto(tmp_path, port=port))
        home = first.enter_context(listening(port))
        with bridging(tmp_path, bus_url, store_url, port) as bridge:
            home.wait(f"{BASE}/door/presence", b"OFF")
            room.who, room.faces = Person("Ada", 0.75), 1
            store.client.xadd(keys.EVENTS.key(), fields(identified))
            wait_for(lambda: b'"presence":"ON","camera":"door"' in home.latest(ADA), what="Ada")
            wait_for(lambda: b'"name":"Ada"' in home.latest(f"{BASE}/door/last_face"), what="the last face")
            acknowledged(store)
            assert f"person.{key_of('Ada')}" in components(home)
            bridge.kill()
        room.faces = 0
        with bridging(tmp_path, bus_url, store_url, port) as bridge:
            wait_for(lambda: b'"presence":"OFF"' in home.latest(ADA), what="Ada to be gone")
            assert f"person.{key_of('Ada')}" in components(home)
            first.close()
            (tmp_path / "mosquitto.db").unlink(missing_ok=True)
            with mosquitto(tmp_path, port=port), listening(port, "another") as home:
                bridge.wait_until_healthy()
                wait_for(lambda: b'"presence":"OFF"' in home.latest(ADA), what="Ada again")
                wait_for(lambda: b'"name":"Ada"' in home.latest(f"{BASE}/door/last_face"), what="the last face again")
                wait_for(lambda: f"person.{key_of('Ada')}" in components(home), what="the description")
                # An owner who wants to be rid of somebody.
                home.publish(ADA, b"", retain=True)
                wait_for(lambda: f"person.{key_of('Ada')}" not in components(home), what="Ada to be removed")
                assert ADA not in kept(port, "latecomer")
                bridge.stop()


@pytest.mark.usefixtures("room")
def test_what_an_earlier_run_left_behind_is_removed(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    eve = {"name": "Eve", "presence": "OFF", "camera": "door", "at": long_ago}
    topic = f"{BASE}/people/{key_of('Eve')}"
    old = {"door_old": {"p": "switch", "name": "x"}, "door_still": {"p": "image", "name": "x"}}
    with listening(broker_port) as home:
        home.publish(CONFIG, json.dumps({"cmps": old}).encode(), retain=True)
        home.publish(topic, json.dumps(eve).encode(), retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port):

            def said(key: str) -> list[Any]:
                return [json.loads(payload)["cmps"].get(key) for payload in home.payloads(CONFIG)]

            wait_for(lambda: {"p": "switch"} in said("door_old"), "the farewell")
            wait_for(lambda: "door_old" not in components(home), "the description of what remains")
            assert {"p": "image"} in said("door_still")
            assert {"p": "binary_sensor"} in said(f"person.{key_of('Eve')}")
            assert components(home)["door_still"]["p"] == "camera"
            assert topic not in kept(broker_port, "latecomer")


@pytest.mark.usefixtures("room")
def test_a_camera_shows_stills_and_nothing_while_it_is_private(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    bus, still = connect(bus_url), f"{BASE}/door/still"
    red = np.zeros((240, 320, 3), np.uint8)
    red[..., 2] = 200

    def shows(colour: tuple[int, int, int]) -> bool:
        seen = Image.open(BytesIO(home.latest(still))) if home.latest(still) else None
        return seen is not None and np.allclose(np.asarray(seen)[20, 20], colour, atol=6)

    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="0.3"):
        home.wait(PRIVACY, b"OFF")
        old = Frame("door", 1, time.time_ns() - 60_000_000_000, 320, 240, "bgr24", bytes(320 * 240 * 3))
        put(bus, keys.FRAMES, old)
        assert holds(lambda: home.payloads(still) == [], 1.0), "an old frame is not what is to be seen"
        put(bus, keys.FRAMES, replace(old, seq=2, captured_ns=time.time_ns(), data=red.tobytes()))
        wait_for(lambda: shows((200, 0, 0)), what="a still")
        home.publish(f"{PRIVACY}/set", b"ON")
        home.wait(PRIVACY, b"ON")
        wait_for(lambda: shows((24, 24, 24)), "the curtain")
        put(bus, keys.FRAMES, replace(old, seq=3, captured_ns=time.time_ns(), data=red.tobytes()))
        assert holds(lambda: shows((24, 24, 24)), 1.0)
        assert still not in kept(broker_port, "latecomer")


def test_a_camera_that_becomes_private_is_hidden_at_once_however_seldom_stills_come(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    still = f"{BASE}/door/still"
    # Again and again: a picture that is some seconds old is none.
    room.pictures = True
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="600"):
        home.wait(PRIVACY, b"OFF")
        for payload, size in ((b"ON", (640, 360)), (b"OFF", (8, 8))):
            home.publish(f"{PRIVACY}/set", payload)
            wait_for(lambda size=size: shown(home.latest(still)) == size, "a still")  # type: ignore[misc]


def shown(jpeg: bytes) -> tuple[int, int] | None:
    """Return the size of a picture; None if there is none."""
    return Image.open(BytesIO(jpeg)).size if jpeg else None


@pytest.mark.usefixtures("room")
def test_stills_can_be_left_out(tmp_path: Path, bus_url: str, store_url: str, broker_port: int) -> None:
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="0"):
        home.wait(PRIVACY, b"OFF")
        assert "door_privacy" in components(home)
        assert "door_still" not in components(home)


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
