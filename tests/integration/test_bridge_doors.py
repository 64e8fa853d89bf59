"""The bridge reaches brokers that want certificates, and the bundled one by its socket."""

import subprocess
import sys
from pathlib import Path

import pytest

from facewire.settings import OPERATOR_ERROR
from tests.integration.bridge import bridging, listening
from tests.processes import environment
from tests.servers import HUNG_S, free_port, mosquitto, program, wait_for


class Authority:
    """A certificate authority of our own, and what it signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file, self._key = folder / "ca.crt", folder / "ca.key"
        self._openssl("req", "-x509", "-out", self.file, "-keyout", self._key, "-subj", "/CN=our authority")

    def signed(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate and its key."""
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        # Where it is the broker's, the name that is checked.
        names = ("-addext", "subjectAltName=IP:127.0.0.1")
        by = ("-CA", self.file, "-CAkey", self._key)
        self._openssl("req", "-x509", *by, "-out", certificate, "-keyout", key, "-subj", f"/CN={name}", *names)
        return certificate, key

    def _openssl(self, *arguments: str | Path) -> None:
        fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
        subprocess.run([program("openssl"), *map(str, arguments), *fresh], check=True, capture_output=True)


def guarded(authority: Authority) -> str:
    certificate, key = authority.signed("broker")
    files = f"cafile {authority.file}\ncertfile {certificate}\nkeyfile {key}\n"
    return f"{files}require_certificate true\nuse_identity_as_username true"


def test_a_client_certificate_lets_the_bridge_in(tmp_path: Path, bus_url: str, store_url: str) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.signed("door-pi")
    tls = {"MQTT_TLS": "true", "MQTT_CA_FILE": str(authority.file)}
    own = {"MQTT_CERT_FILE": str(certificate), "MQTT_KEY_FILE": str(key)}
    with mosquitto(tmp_path, more=guarded(authority)) as port:
        with bridging(tmp_path, bus_url, store_url, port, **tls) as bridge:
            wait_for(lambda: "the MQTT broker" in bridge.says(), what="the bridge to say what it waits for")
            assert not bridge.healthy()
        with bridging(tmp_path, bus_url, store_url, port, **tls, **own) as bridge:
            bridge.wait_until_healthy()


def test_a_broker_of_another_authority_is_not_believed(tmp_path: Path, bus_url: str, store_url: str) -> None:
    (tmp_path / "theirs").mkdir()
    ours, theirs = Authority(tmp_path), Authority(tmp_path / "theirs")
    certificate, key = theirs.signed("broker")
    server = f"certfile {certificate}\nkeyfile {key}"
    tls = {"MQTT_TLS": "true", "MQTT_CA_FILE": str(ours.file)}
    with (
        mosquitto(tmp_path, more=server) as port,
        bridging(tmp_path, bus_url, store_url, port, **tls) as bridge,
    ):
        wait_for(lambda: "the MQTT broker" in bridge.says(), what="the bridge to say what it waits for")
        assert not bridge.healthy()


def test_the_bundled_brokers_socket_needs_no_password(tmp_path: Path, bus_url: str, store_url: str) -> None:
    socket, port = tmp_path / "bridge.sock", free_port()
    with (
        mosquitto(tmp_path, port=port, more=f"listener 0 {socket}\nallow_anonymous true") as port,
        bridging(tmp_path, bus_url, store_url, port, MQTT_HOST=str(socket)) as bridge,
        listening(port) as listener,
    ):
        bridge.wait_until_healthy()
        listener.wait("facewire/door-pi/availability", b"online")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"MQTT_TLS": "true", "MQTT_CERT_FILE": "no.crt"}, "MQTT_CERT_FILE and MQTT_KEY_FILE: set both or none"),
        ({"MQTT_CERT_FILE": "no.crt", "MQTT_KEY_FILE": "no.key"}, "MQTT_TLS"),
        ({"MQTT_TLS": "true", "MQTT_CERT_FILE": "no.crt", "MQTT_KEY_FILE": "no.key"}, "MQTT_CERT_FILE and"),
        ({"MQTT_TLS": "true", "MQTT_CA_FILE": "no.crt"}, "MQTT_CA_FILE"),
        ({"MQTT_TLS": "true", "MQTT_HOST": "/run/mqtt/bridge.sock"}, "MQTT_TLS"),
    ],
)
def test_a_door_that_cannot_be_used_is_the_operators_mistake(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    bridge = subprocess.run(
        [sys.executable, "-m", "iot_bridge"],
        env=environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=HUNG_S,
    )
    assert bridge.returncode == OPERATOR_ERROR
    assert named in bridge.stderr
