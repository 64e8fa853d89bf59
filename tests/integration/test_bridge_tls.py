"""Each reason why TLS or a network keeps the bridge from its broker is named in health and in the log."""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from iot_bridge.broker import Broker
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication

from facewire.health import verdict
from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.integration.certificates import Certificate, authority, certificate
from tests.servers import free_port, mosquitto, wait_for

WILL = Publication("facewire/door-pi/availability", b"offline", retain=True)
PAST, FUTURE = ("20200101000000Z", "20200201000000Z"), ("20990101000000Z", "20990201000000Z")


@dataclass(frozen=True, slots=True)
class Ring:
    """The certificates of the tests."""

    ours: Certificate
    other: Certificate
    good: Certificate
    expired: Certificate
    early: Certificate
    elsewhere: Certificate
    client: Certificate
    stranger: Certificate
    lapsed: Certificate


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = authority(folder, "ours"), authority(folder, "other")
    return Ring(
        ours,
        other,
        certificate(folder, "good", ours),
        certificate(folder, "expired", ours, dates=PAST),
        certificate(folder, "early", ours, dates=FUTURE),
        certificate(folder, "elsewhere", ours, "DNS:broker.example"),
        certificate(folder, "client", ours),
        certificate(folder, "stranger", other),
        certificate(folder, "lapsed", ours, dates=PAST),
    )


def tls(shown: Certificate, trusted: Certificate | None = None, version: str = "") -> str:
    """Return a broker's settings: what it shows, whose clients it wants, and which TLS it speaks."""
    lines = f"certfile {shown.cert}\nkeyfile {shown.key}\n"
    if trusted is not None:
        lines += f"cafile {trusted.cert}\nrequire_certificate true\n"
    return lines + (f"tls_version {version}\n" if version else "")


@contextmanager
def bridged(folder: Path, metrics: Metrics, **settings: Any) -> Iterator[Any]:
    """Connect until the block ends; yields what health says."""
    heartbeat = Heartbeat("iot-bridge", folder, metrics, watchdog_s=None)
    broker = Broker(BridgeSettings(**settings), WILL, heartbeat, metrics, open_log("test"))
    broker.start(lambda: None, ())
    try:
        yield lambda: verdict("iot-bridge", folder, time.time())[1]
    finally:
        broker.stop()


@dataclass(frozen=True, slots=True)
class Case:
    """What the broker shows, whom the bridge trusts, what it shows (`none`: the broker wants it), what health says."""

    shown: str
    trusted: str
    own: str
    version: str
    says: tuple[str, ...]


@pytest.mark.parametrize(
    "case",
    [
        Case("good", "other", "", "", ("unknown authority", "MQTT_CA_FILE")),
        Case("good", "", "", "", ("unknown authority", "MQTT_CA_FILE")),
        Case("other", "ours", "", "", ("self-signed", "MQTT_CA_FILE")),
        Case("expired", "ours", "", "", ("has expired", "clock")),
        Case("early", "ours", "", "", ("not valid yet", "clock")),
        Case("elsewhere", "ours", "", "", ("another", "MQTT_HOST")),
        Case("good", "ours", "none", "", ("client certificate", "MQTT_CERT_FILE")),
        Case("good", "ours", "none", "tlsv1.2", ("client certificate", "MQTT_CERT_FILE")),
        Case("good", "ours", "stranger", "", ("does not accept the client certificate", "MQTT_CERT_FILE")),
        Case("good", "ours", "lapsed", "", ("does not accept the client certificate: certificate expired",)),
        Case("good", "ours", "lapsed", "tlsv1.2", ("does not accept the client certificate",)),
    ],
    ids=lambda case: f"{case.shown}-{case.trusted}-{case.own}-{case.version}",
)
def test_a_reason_of_tls_is_named(
    tmp_path: Path, metrics: Metrics, ring: Ring, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    settings: dict[str, Any] = {"mqtt_tls": True}
    if case.trusted:
        settings["mqtt_ca_file"] = getattr(ring, case.trusted).cert
    if case.own and case.own != "none":
        mine: Certificate = getattr(ring, case.own)
        settings |= {"mqtt_cert_file": mine.cert, "mqtt_key_file": mine.key}
    more = tls(getattr(ring, case.shown), ring.ours if case.own else None, case.version)
    with (
        mosquitto(tmp_path, more=more) as port,
        bridged(tmp_path, metrics, mqtt_port=port, **settings) as health,
    ):
        wait_for(lambda: all(part in health() for part in case.says), f"{case.says}")
        assert f"the MQTT broker at mqtts://127.0.0.1:{port}" in health()
    log = capsys.readouterr().err
    assert "no connection to the broker" in log
    assert all(part in log for part in case.says)


def test_the_right_certificates_let_it_in(tmp_path: Path, metrics: Metrics, ring: Ring) -> None:
    mine = {"mqtt_ca_file": ring.ours.cert, "mqtt_cert_file": ring.client.cert, "mqtt_key_file": ring.client.key}
    with (
        mosquitto(tmp_path, more=tls(ring.good, ring.ours)) as port,
        bridged(tmp_path, metrics, mqtt_port=port, mqtt_tls=True, **mine) as health,
    ):
        wait_for(lambda: "waiting" not in health(), what="the broker")


def test_a_certificate_that_is_renewed_lets_it_in_without_a_restart(
    tmp_path: Path, metrics: Metrics, ring: Ring
) -> None:
    cert, key = tmp_path / "mine.pem", tmp_path / "mine.key"
    shutil.copy(ring.lapsed.cert, cert)
    shutil.copy(ring.lapsed.key, key)
    mine = {"mqtt_tls": True, "mqtt_ca_file": ring.ours.cert, "mqtt_cert_file": cert, "mqtt_key_file": key}
    with (
        mosquitto(tmp_path, more=tls(ring.good, ring.ours)) as port,
        bridged(tmp_path, metrics, mqtt_port=port, **mine) as health,
    ):
        wait_for(lambda: "expired" in health(), what="the refusal")
        shutil.copy(ring.client.cert, cert)
        shutil.copy(ring.client.key, key)
        wait_for(lambda: "waiting" not in health(), what="the broker")


def test_tls_at_a_plain_port_and_the_reverse_are_named(tmp_path: Path, metrics: Metrics, ring: Ring) -> None:
    with mosquitto(tmp_path) as port, bridged(tmp_path, metrics, mqtt_port=port, mqtt_tls=True) as health:
        wait_for(lambda: "does not speak TLS" in health() and "MQTT_TLS=false" in health(), health())
    with mosquitto(tmp_path, more=tls(ring.good)) as port, bridged(tmp_path, metrics, mqtt_port=port) as health:
        wait_for(lambda: "speaks TLS only" in health() and "MQTT_TLS=true" in health(), health())


def test_networks_that_fail_are_told_apart(
    tmp_path: Path, metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = free_port()
    with bridged(tmp_path, metrics, mqtt_port=nowhere) as health:
        wait_for(lambda: health() == f"iot-bridge: waiting for the MQTT broker at 127.0.0.1:{nowhere}", health())
        wait_for(lambda: "connection refused" in capsys.readouterr().err, "the log")
    with bridged(tmp_path, metrics, mqtt_host="no-such-host.invalid") as health:
        wait_for(lambda: any(part in health() for part in ("resolved", "no such host")), health())
    with bridged(tmp_path, metrics, mqtt_host=str(tmp_path / "none.sock")) as health:
        wait_for(lambda: "there is no such socket" in health(), health())


def test_a_host_that_does_not_answer_is_named(tmp_path: Path, metrics: Metrics) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)  # noqa: FBT003  not ours to name
            caller.connect_ex(address)
        with bridged(tmp_path, metrics, mqtt_port=address[1]) as health:
            wait_for(lambda: "no answer; check MQTT_HOST" in health(), health())
        for caller in callers:
            caller.close()
