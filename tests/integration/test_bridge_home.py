"""What a home is told of people, and what earlier runs left there, through a real broker and real Redis servers."""

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from iot_bridge.people import key_of

from facewire import keys
from facewire.link import connect
from facewire.messages import Person
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Room,
    Store,
    acknowledged,
    bridging,
    components,
    event,
    fields,
    kept,
    listening,
)
from tests.servers import free_port, mosquitto, wait_for

ADA = f"{BASE}/people/{key_of('Ada')}"


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
