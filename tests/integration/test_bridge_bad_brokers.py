"""A broker that does not do its part leaves the bridge unhealthy, with the reason, and connecting again and again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from iot_bridge.broker import Broker, Ear
from iot_bridge.receipts import Waits
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

from facewire.health import verdict
from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.integration.fake_broker import V5, V311, Behaviour, fake_broker
from tests.servers import wait_for

WILL = Publication("facewire/door-pi/availability", b"offline", retain=True)
STATE = Publication("facewire/door-pi/door/count", b"1", retain=True)
# Shorter than the product's, but for the pauses between connections.
WAITS = Waits(answers_s=1.0, confirms_s=1.5, longest_confirms_s=4.5, echoes_s=1.0)


class Bridge:
    """A connection that publishes a state whenever it is up, and its health."""

    def __init__(self, folder: Path, port: int, metrics: Metrics) -> None:
        self._folder = folder
        heartbeat = Heartbeat("iot-bridge", folder, metrics, watchdog_s=None)
        settings = BridgeSettings(mqtt_port=port, node_id="door-pi")
        self.broker = Broker(settings, WILL, heartbeat, metrics, open_log("test"), WAITS)

    def says(self) -> str:
        return verdict("iot-bridge", self._folder, time.time())[1]

    def healthy(self) -> bool:
        return verdict("iot-bridge", self._folder, time.time())[0]

    def wait(self, *parts: str) -> None:
        wait_for(lambda: all(part in self.says() for part in parts), f"{parts}, last: {self.says()}")


@contextmanager
def bridged(folder: Path, port: int, metrics: Metrics) -> Iterator[Bridge]:
    bridge = Bridge(folder, port, metrics)
    bridge.broker.start(lambda: bridge.broker.say([STATE]), (Ear(("home/#",), lambda *_heard: None),))
    try:
        yield bridge
    finally:
        bridge.broker.stop()


GOOD = Behaviour()


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (Behaviour(hello=None, hangs_up=True), "closed the connection without an answer"),
        (Behaviour(hello=None), "does not answer"),
        (Behaviour(hello=b"HTTP/1.1 400 Bad Request\r\n\r\n", hangs_up=True), "without an answer"),
        (Behaviour(suback=None), "does not answer subscriptions"),
        (Behaviour(puback=None), "confirms no message"),
        (Behaviour(wrong_id=True), "confirms no message"),
        (Behaviour(farewell=0x8E), "give each bridge a"),
        (Behaviour(farewell=0x97), "quota exceeded"),
        (Behaviour(farewell=0x98), "administrative action"),
        (Behaviour(hello=b"\x20\x03\x00\x8a\x00"), "Banned"),
        (Behaviour(hello=b"\x20\x03\x00\x88\x00"), "Server unavailable"),
    ],
    ids=str,
)
def test_the_reason_is_in_health(tmp_path: Path, metrics: Metrics, behaviour: Behaviour, says: str) -> None:
    says = says.replace("give each bridge a", "give each bridge on a broker its own NODE_ID")
    with fake_broker(behaviour) as broker, bridged(tmp_path, broker.port, metrics) as bridge:
        bridge.wait(f"the MQTT broker at 127.0.0.1:{broker.port}", says)
        assert not bridge.healthy()
        # What is repaired is found.
        if behaviour.farewell is None:
            broker.behaviour = GOOD
            wait_for(bridge.healthy, "the repaired broker")


def test_attempts_grow_rare(tmp_path: Path, metrics: Metrics) -> None:
    with fake_broker(Behaviour(hello=b"\x20\x03\x00\x88\x00")) as broker, bridged(tmp_path, broker.port, metrics):
        wait_for(lambda: len(broker.callers) >= 4, what="some attempts")
        pauses = [later.at_s - each.at_s for each, later in zip(broker.callers, broker.callers[1:], strict=False)]
        assert pauses[0] >= 0.9
        assert pauses[2] > 1.5 * pauses[1] > 1.5 * pauses[0]


def test_refused_subscriptions_are_named_and_messages_go_on(tmp_path: Path, metrics: Metrics) -> None:
    for code, level in ((0x87, V5), (0x80, V311)):
        with (
            fake_broker(replace(GOOD, suback=code, levels=(level,))) as broker,
            bridged(tmp_path, broker.port, metrics) as bridge,
        ):
            bridge.wait("permission to subscribe to", "home/#")
            wait_for(lambda: STATE.topic in broker.callers[-1].topics, what="the state")
            assert len(broker.callers) == (1 if level == V5 else 2)


def test_a_broker_of_mqtt_311_is_spoken_to_in_its_own_version(tmp_path: Path, metrics: Metrics) -> None:
    for other in (
        replace(GOOD, levels=(V311,)),
        # Some hang up, or refuse as MQTT 5 does.
        replace(GOOD, hello=b"\x20\x03\x00\x84\x00"),
        replace(GOOD, hello=None, hangs_up=True),
    ):
        with fake_broker(other) as broker, bridged(tmp_path, broker.port, metrics) as bridge:
            wait_for(lambda: any(each.level == V311 for each in broker.callers), "MQTT 3.1.1")
            broker.behaviour = replace(GOOD, levels=(V311,))
            wait_for(bridge.healthy, "health")
            assert broker.callers[-1].level == V311


def test_a_broker_that_says_no_more_is_left(tmp_path: Path, metrics: Metrics) -> None:
    with fake_broker(GOOD) as broker, bridged(tmp_path, broker.port, metrics) as bridge:
        wait_for(bridge.healthy, "health")
        broker.behaviour = replace(GOOD, puback=None)
        bridge.broker.say([replace(STATE, topic="facewire/door-pi/door/presence")])
        bridge.wait("confirms no message")
        broker.behaviour = GOOD
        wait_for(bridge.healthy, "health again")


def test_a_broker_that_confirms_late_is_given_more_time(tmp_path: Path, metrics: Metrics) -> None:
    with (
        fake_broker(replace(GOOD, puback_after_s=2.5)) as broker,
        bridged(tmp_path, broker.port, metrics) as bridge,
    ):
        bridge.wait("confirms no message")
        wait_for(bridge.healthy, "health")
        assert bridge.broker.deliver([STATE], Event())
        assert len(broker.callers) == 2
        # One that never confirms is left all the same.
        broker.behaviour = replace(GOOD, puback=None)
        bridge.broker.say([replace(STATE, topic="facewire/door-pi/door/presence")])
        bridge.wait("confirms no message")


def test_a_sensor_that_is_named_while_the_bridge_connects_is_heard(tmp_path: Path, metrics: Metrics) -> None:
    with (
        fake_broker(replace(GOOD, suback_after_s=0.5)) as broker,
        bridged(tmp_path, broker.port, metrics) as bridge,
    ):
        wait_for(lambda: any("home/#" in each.filters for each in broker.callers), "the first subscriptions")
        bridge.broker.listen({"home/lux"}, lambda *_heard: None)
        wait_for(lambda: "home/lux" in broker.callers[0].filters, "the sensor's subscription")


def test_a_client_with_the_same_id_is_named_until_it_is_gone(tmp_path: Path, metrics: Metrics) -> None:
    with fake_broker(replace(GOOD, farewell=0x8E)) as broker, bridged(tmp_path, broker.port, metrics) as bridge:
        bridge.wait("the other client with the id facewire-door-pi", "NODE_ID")
        assert len(broker.callers) == 1
        time.sleep(3)
        # It does not throw the other one out again at once.
        assert len(broker.callers) == 1
