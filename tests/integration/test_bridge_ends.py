"""How the bridge ends, in time and whatever its broker does, and what the next one makes of what it left."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.integration.bridge import BASE, CONFIG, Room, bridging, kept, listening
from tests.servers import wait_for


def test_a_stopped_bridge_says_so_and_the_broker_keeps_it(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
        wait_for(lambda: kept(broker_port, "first").get(f"{BASE}/availability") == b"online", what="the bridge")
        bridge.stop()
    assert kept(broker_port, "second")[f"{BASE}/availability"] == b"offline"
    assert list((tmp_path / "run").iterdir()) == []


def test_a_killed_bridge_leaves_no_presence_behind_when_the_camera_is_gone_too(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            room.faces = 1
            home.wait(f"{BASE}/door/presence", b"ON")
            bridge.kill()
        room.close()
        with bridging(tmp_path, bus_url, store_url, broker_port):
            home.wait(f"{BASE}/door/availability", b"offline")
            home.wait(f"{BASE}/door/presence", b"OFF")
            home.wait(f"{BASE}/door/count", b"0")
            assert "door_presence" in json.loads(home.latest(CONFIG))["cmps"]


def marked(folder: Path, *zones: str) -> str:
    path = folder / "cameras.yaml"
    entries = "".join(f"      - {{name: {zone}, polygon: [[0, 0], [1, 0], [1, 1]]}}\n" for zone in zones)
    path.write_text(f"cameras:\n  door:\n    zones:\n{entries}", encoding="utf-8")
    return str(path)


def test_a_zones_state_is_kept_and_true_whoever_was_killed_and_erased_with_the_zone(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    porch, steps = f"{BASE}/door/zone/porch", f"{BASE}/door/zone/steps"
    with listening(broker_port) as home:
        both = marked(tmp_path, "porch", "steps")
        with bridging(tmp_path, bus_url, store_url, broker_port, CAMERAS_FILE=both) as bridge:
            home.wait(porch, b'{"occupancy":"OFF","count":0}')
            room.zones, room.faces = ("porch", "steps"), 2
            home.wait(porch, b'{"occupancy":"ON","count":2}')
            home.wait(steps, b'{"occupancy":"ON","count":2}')
            assert "door.steps.occupancy" in json.loads(home.latest(CONFIG))["cmps"]
            bridge.kill()
        room.zones, room.faces = (), 1
        one = marked(tmp_path, "porch")
        with bridging(tmp_path, bus_url, store_url, broker_port, CAMERAS_FILE=one):
            home.wait(porch, b'{"occupancy":"OFF","count":0}')
            home.wait(steps, b"")
            configs = [json.loads(payload)["cmps"] for payload in home.payloads(CONFIG)]
            assert {"p": "binary_sensor"} in [config.get("door.steps.occupancy") for config in configs]
            wait_for(lambda: "door_presence" in json.loads(home.latest(CONFIG))["cmps"], what="the camera")
            found = kept(broker_port, "latecomer")
    assert steps not in found
    assert {key for key in json.loads(found[CONFIG])["cmps"] if "." in key and ".on." not in key} == {
        "door.porch.occupancy",
        "door.porch.count",
    }
    assert found[porch] == b'{"occupancy":"OFF","count":0}'


def test_the_bridge_ends_in_time_while_a_broker_accepts_and_never_answers(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        bridging(tmp_path, bus_url, store_url, mute.getsockname()[1]) as bridge,
        mute.accept()[0] as line,
    ):
        assert line.recv(1), "the broker was asked"
        assert not bridge.healthy()
        bridge.stop()


def test_the_bridge_ends_in_time_while_the_brokers_host_does_not_answer(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    with socket.socket() as deaf, ExitStack() as callers:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        # Its queue is full: whoever comes next is left without an answer.
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)  # noqa: FBT003  not ours to name
            caller.connect_ex(("127.0.0.1", port))
        with bridging(tmp_path, bus_url, store_url, port) as bridge:
            bridge.stop()
