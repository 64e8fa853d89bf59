"""A message above the broker's packet limit is split, shrunk or dropped, and the rest goes on."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from PIL import Image

from facewire import keys
from facewire.link import connect
from facewire.messages import Person, Track, Tracks
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Room,
    Running,
    Store,
    acknowledged,
    bridging,
    event,
    fields,
    kept,
    listening,
    metrics,
)
from tests.integration.fake_broker import only_mqtt_311
from tests.servers import free_port, mosquitto, wait_for

NODE = "facewire_door-pi"
# Not a picture that anybody could make smaller.
NOISE = b"\xff\xd8" + random.Random(1).randbytes(100_000)


def photo() -> bytes:
    """Return a JPEG of more than 20 kB."""
    out = BytesIO()
    Image.frombytes("RGB", (320, 240), random.Random(2).randbytes(320 * 240 * 3)).save(out, "JPEG")
    return out.getvalue()


def tell(store: Store, number: int, snapshot: bytes) -> None:
    store.client.xadd(keys.EVENTS.key(), fields(replace(event(number), snapshot=snapshot)))


def note(bridge: Running) -> str:
    told: dict[str, Any] = json.loads((bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8"))
    return str(told["notes"].get("mqtt limit", ""))


@contextmanager
def crowded(bus_url: str, cameras: int, people: int) -> Iterator[None]:
    """Let many cameras see many people until the block ends."""
    client, over = connect(bus_url), Event()
    names = [Person(f"Person {number}", 0.8) for number in range(people)]

    def tell() -> None:
        while not over.wait(0.3):
            for number in range(cameras):
                camera = f"camera-{number}"
                seen = tuple(
                    Track(track, (10, 10, 40, 50), 0.9, "confirmed", 9, (0, 0), who)
                    for track, who in enumerate(names[number::cameras], 1)
                )
                client.zadd(keys.CAMERAS, {camera: time.time()})
                client.xadd(keys.TRACKS.key(camera), fields(Tracks(camera, 1, time.time_ns(), seen)))

    thread = Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def described(found: dict[str, bytes]) -> set[str]:
    """Return the unique ids that are described, however."""
    ids: set[str] = set()
    for topic, payload in found.items():
        if topic.startswith("homeassistant/") and topic.endswith("/config"):
            said = json.loads(payload)
            parts = said["cmps"].values() if "cmps" in said else [said]
            ids |= {part["unique_id"] for part in parts if "unique_id" in part}
    return ids


@pytest.mark.parametrize("limit", [6000, 20_000])
def test_events_arrive_without_a_picture_that_is_too_large(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room, limit: int
) -> None:
    port = free_port()
    with (
        mosquitto(tmp_path, more=f"max_packet_size {limit}") as mqtt,
        listening(mqtt) as home,
        bridging(tmp_path, bus_url, store_url, mqtt, METRICS_PORT=str(port)) as bridge,
    ):
        room.faces = 1
        tell(store, 1, NOISE)
        tell(store, 2, photo())
        store.tell(3)
        home.wait_for_events(range(1, 4))
        acknowledged(store)
        assert home.event_ids() == [event(number).id for number in (1, 2, 3)]
        # What is a picture becomes a smaller one.
        first, *_ = home.payloads(f"{BASE}/door/snapshot")
        with Image.open(BytesIO(first)) as smaller:
            assert 0 < len(first) < limit
            assert smaller.format == "JPEG"
        home.wait(f"{BASE}/door/presence", b"ON")
        wait_for(lambda: f"up to {limit} bytes" in note(bridge) and "1 snapshot" in note(bridge), "the limit in health")
        assert 'dropped_total{reason="above_packet_limit"} 1.0' in metrics(port)
        assert 'counted_total{what="shrunk_messages"} 1.0' in metrics(port)
        wait_for(bridge.healthy, "health")
        # Nothing is cut off, so nothing is resent.
        assert (tmp_path / "bridge.log").read_text(encoding="utf-8").count("connected to the broker") == 1


@pytest.mark.parametrize("limit", [20_000, 131_072])
def test_a_large_home_is_described_in_messages_that_fit(
    tmp_path: Path, bus_url: str, store_url: str, limit: int
) -> None:
    with (
        mosquitto(tmp_path, more=f"max_packet_size {limit}") as port,
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, port) as bridge,
        crowded(bus_url, cameras=12, people=60),
    ):
        ids = {f"{NODE}.camera-{number}_presence" for number in range(12)} | {f"{NODE}.recognition"}
        wait_for(lambda: len(described_by(home)) >= 12 * 10 + 60 and ids <= described_by(home), "all to be described")
        assert sum(".person." in each for each in described_by(home)) == 60
        assert max(len(message.payload) for message in list(home.got)) < limit
        bridge.stop()
        found = kept(port, "latecomer")
        assert (CONFIG in found) == (limit == 131_072)
        assert described(found) == described_by(home)


def described_by(home: Any) -> set[str]:
    """Return what a listener has last heard of each description."""
    latest = {message.topic: bytes(message.payload) for message in list(home.got)}
    return described({topic: payload for topic, payload in latest.items() if payload and b"migrate" not in payload})


def test_descriptions_change_over_when_the_limit_does_and_none_is_left_behind(
    tmp_path: Path, bus_url: str, store_url: str, room: Room
) -> None:
    port = free_port()
    with mosquitto(tmp_path, port=port), bridging(tmp_path, bus_url, store_url, port) as bridge:
        room.faces = 1
        wait_for(lambda: f"{NODE}.door_presence" in described(kept(port, "a")), "the device")
        whole = described(kept(port, "b"))
        bridge.stop()
    with (
        mosquitto(tmp_path, port=port, more="max_packet_size 6000") as _,
        bridging(tmp_path, bus_url, store_url, port) as bridge,
        listening(port, "watcher") as home,
    ):
        wait_for(lambda: CONFIG not in kept(port, "c"), "the device's message to be erased")
        wait_for(lambda: described(kept(port, "d")) == whole, "each entity")
        # Home Assistant lets go of what the device described, then takes each, and only then the device is erased.
        said = [(each.topic, bytes(each.payload)) for each in list(home.got)]
        switch = f"homeassistant/switch/{NODE}"
        first = next(index for index, (topic, _) in enumerate(said) if topic.startswith(switch))
        assert said.index((CONFIG, b'{"migrate_discovery":true}')) < first < said.index((CONFIG, b""))
        bridge.stop()
    with mosquitto(tmp_path, port=port), bridging(tmp_path, bus_url, store_url, port) as bridge:
        wait_for(lambda: configs(kept(port, "e")) == {CONFIG}, "the device again")
        assert described(kept(port, "f")) == whole
        bridge.stop()


def configs(found: dict[str, bytes]) -> set[str]:
    return {topic for topic in found if topic.endswith("/config")}


def test_a_broker_of_mqtt_311_that_cuts_off_is_not_sent_the_same_for_ever(
    tmp_path: Path, bus_url: str, store_url: str, store: Store
) -> None:
    with (
        mosquitto(tmp_path, more="max_packet_size 20000") as port,
        only_mqtt_311(port) as interpreter,
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, interpreter.port) as bridge,
    ):
        bridge.wait_until_healthy()
        tell(store, 1, NOISE)
        store.tell(2)
        home.wait_for_events(range(1, 3))
        acknowledged(store)
        bridge.wait_until_healthy()
        wait_for(lambda: "the broker takes packets of up to" in note(bridge), "the limit in health")
        count = interpreter.accepted
        time.sleep(2)
        assert interpreter.accepted == count


def test_a_limit_of_payloads_that_no_broker_tells_is_learned(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room
) -> None:
    with (
        mosquitto(tmp_path, more="message_size_limit 4000") as port,
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, port) as bridge,
    ):
        room.faces = 1
        wait_for(lambda: f"{NODE}.door_presence" in described_by(home), "each entity")
        tell(store, 1, NOISE)
        store.tell(2)
        home.wait_for_events(range(1, 3))
        acknowledged(store)
        bridge.wait_until_healthy()
