"""The broker's password lets the bridge in, a wrong one is waited out, and neither is shown."""

from pathlib import Path

from tests.integration.bridge import bridging, holds
from tests.processes import SECRET
from tests.servers import mosquitto, wait_for


def test_a_wrong_password_is_said_and_waited_out_and_never_shown(tmp_path: Path, bus_url: str, store_url: str) -> None:
    wrong = {"MQTT_USERNAME": "facewire", "MQTT_PASSWORD": SECRET}
    with mosquitto(tmp_path, password="right") as port, bridging(tmp_path, bus_url, store_url, port, **wrong) as bridge:
        wait_for(lambda: "which refuses us" in bridge.says(), what="the refusal")
        assert holds(lambda: not bridge.healthy() and "which refuses us" in bridge.says(), 3)
        assert bridge.process.poll() is None
        assert SECRET not in (bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8")


def test_the_right_password_lets_it_in(tmp_path: Path, bus_url: str, store_url: str) -> None:
    right = {"MQTT_USERNAME": "facewire", "MQTT_PASSWORD": SECRET}
    with mosquitto(tmp_path, password=SECRET) as port, bridging(tmp_path, bus_url, store_url, port, **right) as bridge:
        bridge.wait_until_healthy()
        assert SECRET not in (bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8")
