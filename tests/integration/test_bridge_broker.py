"""The bridge's connection to the broker, by itself."""

from contextlib import ExitStack
from pathlib import Path

from iot_bridge.broker import Broker, Ear
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.integration.bridge import kept, listening
from tests.servers import free_port, mosquitto, wait_for

WILL = Publication("facewire/door-pi/availability", b"offline", retain=True)


class Watching(Heartbeat):
    """Writes down whether the broker is there by its own account, whenever it is told that it is not."""

    broker: Broker
    told: list[bool]

    def waiting(self, what: str, for_what: str) -> None:
        super().waiting(what, for_what)
        self.told.append(self.broker.is_up)


def test_who_knows_of_the_loss_finds_the_broker_gone(tmp_path: Path, metrics: Metrics) -> None:
    """What is sent in between would arrive after the next connection, however late that is."""
    port, heartbeat = free_port(), Watching("iot-bridge", tmp_path, metrics, watchdog_s=None)
    broker = Broker(BridgeSettings(mqtt_port=port), WILL, heartbeat, metrics, open_log("test"))
    heartbeat.broker, heartbeat.told = broker, []
    with ExitStack() as there:
        there.enter_context(mosquitto(tmp_path, port=port))
        broker.start(lambda: None, (Ear(("home/#",), lambda *_heard: None),))
        try:
            wait_for(lambda: broker.is_up, "the connection")
            there.close()
            wait_for(lambda: len(heartbeat.told) >= 2, "the loss to be told")
            assert not any(heartbeat.told)
        finally:
            broker.stop()


class Hasty(Heartbeat):
    """Says something as soon as the broker is there, as another thread may."""

    broker: Broker

    def ready(self, what: str = "start") -> None:
        super().ready(what)
        self.broker.say([Publication("home/state", b"new", retain=True)])


def test_what_the_broker_has_kept_is_heard_however_soon_something_new_is_said(
    tmp_path: Path, metrics: Metrics, broker_port: int
) -> None:
    """Else what an earlier run described stays in the home for ever, since nobody knows of it any more."""
    with listening(broker_port) as home:
        home.publish("home/state", b"old", retain=True)
    heartbeat, heard = Hasty("iot-bridge", tmp_path, metrics, watchdog_s=None), list[tuple[bytes, bool]]()
    broker = Broker(BridgeSettings(mqtt_port=broker_port), WILL, heartbeat, metrics, open_log("test"))
    heartbeat.broker = broker
    broker.start(lambda: None, (Ear(("home/#",), lambda _topic, payload, was: heard.append((payload, was))),))
    try:
        wait_for(lambda: kept(broker_port, "latecomer").get("home/state") == b"new", "what is said")
        wait_for(lambda: bool(heard) and heard[-1][0] == b"new", "what is said to come round")
        assert heard == [(b"old", True), (b"new", False)]
    finally:
        broker.stop()
