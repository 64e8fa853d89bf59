"""What the broker's ACL forbids is noticed, named and counted; the event waits, and nothing else does."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from facewire import keys
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Room,
    Store,
    acknowledged,
    bridging,
    broker_pid,
    event,
    fields,
    holds,
    listening,
    metrics,
)
from tests.integration.fake_broker import only_mqtt_311
from tests.integration.rules import rule
from tests.servers import free_port, mosquitto, wait_for

EVENTS = f"{BASE}/door/event"
FREE = "topic readwrite #\n"


@dataclass(frozen=True, slots=True)
class Acl:
    """The rights of a broker, to be changed while it runs."""

    folder: Path
    path: Path

    def allow(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        os.kill(broker_pid(self.folder), signal.SIGHUP)


@contextmanager
def restricted(folder: Path, text: str) -> Any:
    """Run a broker with an ACL; yields its port and the ACL."""
    path = folder / "rights.acl"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with mosquitto(folder, more=f"acl_file {path}") as port:
        yield port, Acl(folder, path)


def denying(*topics: str) -> str:
    return FREE + "".join(f"topic deny {topic}\n" for topic in topics)


def only_reading(*topics: str) -> str:
    """Let anybody read, and write but these."""
    return "topic read #\n" + "".join(f"topic write {topic}\n" for topic in topics)


def directly(port: int) -> AbstractContextManager[Any]:
    return nullcontext(Direct(port))


@dataclass(frozen=True, slots=True)
class Direct:
    port: int


Way = Callable[[int], AbstractContextManager[Any]]


@pytest.mark.parametrize("way", [directly, only_mqtt_311], ids=["MQTT 5", "MQTT 3.1.1"])
def test_an_event_that_the_broker_does_not_take_waits_until_it_does(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, way: Way
) -> None:
    # Everything may be read, nothing written.
    with (
        restricted(tmp_path, "topic read #\ntopic write marker\n") as (port, acl),
        way(port) as near,
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, near.port) as bridge,
    ):
        store.tell(1, 2)
        wait_for(lambda: f"permission to publish on {EVENTS}" in bridge.says(), "the refusal")
        assert "allow it in its ACL" in bridge.says()
        assert not bridge.healthy()
        wait_for(lambda: store.taken() == 2, what="both to be taken")
        assert holds(store.keeps_all, 1)
        acl.allow(FREE)
        home.wait_for_events(range(1, 3))
        acknowledged(store)
        store.tell(3)
        home.wait_for_events(range(1, 4))
        assert home.event_ids() == [event(number).id for number in (1, 2, 3)]
        wait_for(bridge.healthy, "health")


def test_one_cameras_refused_events_hold_up_no_other(
    tmp_path: Path, bus_url: str, store_url: str, store: Store
) -> None:
    with (
        restricted(tmp_path, denying(EVENTS)) as (port, acl),
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, port) as bridge,
    ):
        hall = f"{BASE}/hall/event"
        for number in range(1, 40):
            store.client.xadd(keys.EVENTS.key(), fields(event(number)))
            store.client.xadd(keys.EVENTS.key(), fields(replace(event(number), id=f"hall-{number}", camera="hall")))
        wait_for(lambda: len(home.payloads(hall)) == 39, "the other camera's events")
        wait_for(lambda: store.pending() == 39, "nothing else to wait")
        assert EVENTS in bridge.says()
        # The next bridge finds them, and goes on past them.
        bridge.kill()
        with bridging(tmp_path, bus_url, store_url, port):
            store.client.xadd(keys.EVENTS.key(), fields(replace(event(40), id="hall-40", camera="hall")))
            wait_for(lambda: b'"id":"hall-40"' in home.latest(hall), "an event after the restart")
            acl.allow(FREE)
            home.wait_for_events(range(1, 40))
            acknowledged(store)
            assert home.event_ids() == [event(number).id for number in range(1, 40)]


@pytest.mark.parametrize(
    ("refused", "shown"),
    [
        (CONFIG, CONFIG),
        (f"{BASE}/door/snapshot", f"{BASE}/door/snapshot"),
        (f"{BASE}/door/presence", f"{BASE}/door/presence"),
        (f"{BASE}/door/faces", f"{BASE}/door/faces"),
        (f"{BASE}/health", f"{BASE}/health"),
        ("home/light", "home/light"),
    ],
)
def test_a_topic_that_is_refused_is_named_and_events_go_on(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room, rules: Path, refused: str, shown: str
) -> None:
    rules.write_text("rules:\n" + rule("a", "publish: {topic: home/light, payload: x}"), encoding="utf-8")
    port = free_port()
    with (
        restricted(tmp_path, denying(refused)) as (mqtt, acl),
        listening(mqtt) as home,
        bridging(tmp_path, bus_url, store_url, mqtt, METRICS_PORT=str(port), RULES_FILE=str(rules)) as bridge,
    ):
        room.faces = 1
        # Rules act on what happens now.
        now_ns = time.time_ns()
        store.client.xadd(keys.EVENTS.key(), fields(replace(event(1), started_ns=now_ns, at_ns=now_ns)))
        home.wait_for_events(range(1, 2))
        acknowledged(store)
        wait_for(lambda: shown in bridge.says() and "(not authorized)" in bridge.says(), "the refusal")
        assert EVENTS not in bridge.says()
        assert 'errors_total{kind="mqtt_refused"}' in metrics(port)
        if refused == CONFIG:
            acl.allow(FREE)
            wait_for(lambda: bool(home.latest(refused)), "what was refused")
            wait_for(bridge.healthy, "health")


def test_states_of_mqtt_311_that_nobody_gets_are_named(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room
) -> None:
    writes = only_reading(f"{BASE}/availability", EVENTS, f"{BASE}/door/snapshot", "homeassistant/#")
    with (
        restricted(tmp_path, writes) as (port, _),
        only_mqtt_311(port) as near,
        bridging(tmp_path, bus_url, store_url, near.port) as bridge,
    ):
        room.faces = 1
        store.tell(1)
        wait_for(lambda: f"{BASE}/door/" in bridge.says() and "not delivered" in bridge.says(), "the refusal")
        acknowledged(store)
