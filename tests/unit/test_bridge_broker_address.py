"""MQTT_HOST in the forms that people write, and what is refused without being repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.address import parse_broker
from iot_bridge.dialling import address_of
from iot_bridge.settings import BridgeSettings

from facewire.settings import load

MARK = "Zq7mark"


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> BridgeSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load(BridgeSettings)


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("192.168.1.10", "192.168.1.10", 1883, False),
        ("mqtt://192.168.1.10", "192.168.1.10", 1883, False),
        ("mqtt://broker.lan:1884", "broker.lan", 1884, False),
        ("tcp://broker.lan:1884/", "broker.lan", 1884, False),
        ("MQTT://Broker.lan/", "Broker.lan", 1883, False),
        ("mqtts://broker.lan", "broker.lan", 8883, True),
        ("ssl://broker.lan:8884", "broker.lan", 8884, True),
        ("tls://broker.lan.", "broker.lan", 8883, True),
        ("broker.lan:1885", "broker.lan", 1885, False),
        ("broker.lan. ", "broker.lan", 1883, False),
        ('"127.0.0.1 "', "127.0.0.1", 1883, False),
        ("  'mqtt://127.0.0.1'  ", "127.0.0.1", 1883, False),
        ("[::1]", "::1", 1883, False),
        ("[::1]:1886", "::1", 1886, False),
        ("mqtt://[fe80::1%eth0]:1886", "fe80::1%eth0", 1886, False),
        ("::1", "::1", 1883, False),
        ("core-mosquitto", "core-mosquitto", 1883, False),
        ("brücke.local", "brücke.local", 1883, False),
        ("my_broker:1883", "my_broker", 1883, False),
        ("/run/mqtt/bridge.sock", "/run/mqtt/bridge.sock", 1883, False),
        ("unix:///run/x.sock", "/run/x.sock", 1883, False),
        ("UNIX:/run/x.sock ", "/run/x.sock", 1883, False),
    ],
)
def test_forms_of_a_broker_address_are_read(
    monkeypatch: pytest.MonkeyPatch, text: str, host: str, port: int, *, tls: bool
) -> None:
    settings = read(monkeypatch, MQTT_HOST=text)

    assert (settings.mqtt_host, settings.mqtt_port, settings.mqtt_tls) == (host, port, tls)
    assert settings.mqtt_is_socket == host.startswith("/")


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("mqtt://ha:secret-word@host", "ha", "secret-word"),
        ("ha:secret-word@host:1883", "ha", "secret-word"),
        ("mqtt://ha:se%2Fcret%40@host", "ha", "se/cret@"),
        ("mqtt://ha:a@b:c@host", "ha", "a@b:c"),
        ("mqtt://ha@host", "ha", ""),
    ],
)
def test_credentials_of_the_address_are_used_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, text: str, username: str, password: str
) -> None:
    settings = read(monkeypatch, MQTT_HOST=text)

    assert (settings.mqtt_host, settings.mqtt_username, settings.mqtt_password) == ("host", username, password)
    assert address_of(settings) == "host:1883"
    assert "ha" not in repr(settings).partition("topic_prefix")[0].replace("ham", "")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"MQTT_HOST": "ws://broker.lan"}, "MQTT_HOST: asks for WebSockets"),
        ({"MQTT_HOST": "WSS://broker.lan:9001/mqtt"}, "MQTT_HOST: asks for WebSockets"),
        ({"MQTT_HOST": "http://broker.lan"}, "MQTT_HOST: is the address of a web page"),
        ({"MQTT_HOST": "amqp://broker.lan"}, "MQTT_HOST: has another scheme"),
        ({"MQTT_HOST": "mqtt://broker.lan/topic"}, "MQTT_HOST: has something behind"),
        ({"MQTT_HOST": "broker.lan/x"}, "MQTT_HOST: has something behind"),
        ({"MQTT_HOST": "mqtt://broker.lan?x=1"}, "MQTT_HOST: has something behind"),
        ({"MQTT_HOST": "mqtt://broker.lan#x"}, "MQTT_HOST: has something behind"),
        ({"MQTT_HOST": "broker.lan:"}, "MQTT_HOST: has a port"),
        ({"MQTT_HOST": "broker.lan:0"}, "MQTT_HOST: has a port"),
        ({"MQTT_HOST": "broker.lan:65536"}, "MQTT_HOST: has a port"),
        ({"MQTT_HOST": "broker.lan:mqtt"}, "MQTT_HOST: has a port"),
        ({"MQTT_HOST": "broker.lan:1883:1884"}, "MQTT_HOST: has a port"),
        ({"MQTT_HOST": "mqtt://"}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": "broker lan"}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": '"broker.lan'}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": "a..b"}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": f"{'x' * 64}.lan"}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": "[::1"}, "MQTT_HOST: has no host"),
        ({"MQTT_HOST": "[host]"}, "MQTT_HOST: has no IPv6 address"),
        ({"MQTT_HOST": "unix://x.sock"}, "MQTT_HOST: names a unix socket"),
        ({"MQTT_HOST": f"/{'x' * 107}"}, "MQTT_HOST: names a unix socket"),
        ({"MQTT_HOST": "host:1884", "MQTT_PORT": "1883"}, "MQTT_HOST and MQTT_PORT disagree"),
        ({"MQTT_HOST": "mqtts://host", "MQTT_TLS": "false"}, "MQTT_HOST and MQTT_TLS disagree"),
        ({"MQTT_HOST": "a:pw1@host", "MQTT_USERNAME": "b"}, "MQTT_HOST and MQTT_USERNAME disagree"),
        (
            {"MQTT_HOST": "a:pw1@host", "MQTT_USERNAME": "a", "MQTT_PASSWORD": "pw2"},
            "MQTT_HOST and MQTT_PASSWORD disagree",
        ),
        ({"MQTT_HOST": "mqtt://:pw1@host"}, "MQTT_USERNAME: must be set"),
        ({"MQTT_HOST": "unix:///run/x.sock", "MQTT_TLS": "true"}, "MQTT_TLS: a unix socket"),
    ],
)
def test_what_is_no_broker_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(monkeypatch, **environment)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"facewire: {complaint}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"MQTT_HOST": "host:1883", "MQTT_PORT": "1883"},
        {"MQTT_HOST": "mqtt://a:pw1@host", "MQTT_USERNAME": "a", "MQTT_PASSWORD": "pw1"},
        {"MQTT_HOST": "mqtt://a@host", "MQTT_PASSWORD": "pw1"},
        {"MQTT_HOST": "mqtt://host", "MQTT_TLS": "true"},
        {"MQTT_HOST": "mqtts://host", "MQTT_TLS": "true", "MQTT_PORT": "1883"},
    ],
)
def test_settings_that_agree_are_taken(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    settings = read(monkeypatch, **environment)

    assert (settings.mqtt_host, settings.mqtt_port) == ("host", 1883)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("host", "host:1883"),
        ("mqtts://host", "mqtts://host:8883"),
        ("::1", "[::1]:1883"),
        ("/run/x.sock", "a unix socket"),
    ],
)
def test_a_broker_is_shown_by_host_and_port(monkeypatch: pytest.MonkeyPatch, text: str, shown: str) -> None:
    assert address_of(read(monkeypatch, MQTT_HOST=text)) == shown


@given(st.text(max_size=20), st.sampled_from(["", "mqtt://", "mqtts://u:p@", "u:p@", "unix:", "["]))
def test_every_text_is_a_broker_or_refused_unrepeated(text: str, before: str) -> None:
    said = ""
    try:
        parse_broker(f"{before}{text}{MARK}")
    except ValueError as error:
        said = str(error)
    assert MARK not in said
