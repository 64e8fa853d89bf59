"""The bridge's connection to the broker, by itself."""

from contextlib import ExitStack
from pathlib import Path

from iot_bridge.broker import Broker, Ear
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.servers import free_port, mosquitto, wait_for


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
    will = Publication("facewire/door-pi/availability", b"offline", retain=True)
    broker = Broker(BridgeSettings(mqtt_port=port), will, heartbeat, metrics, open_log("test"))
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
