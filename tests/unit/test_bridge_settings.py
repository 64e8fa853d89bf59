"""The bridge's settings: what is refused, in one line, and that no password is shown."""

import pytest
from iot_bridge.settings import BridgeSettings

from facewire.settings import load

SECRET = "s3cr3t-passw0rd"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("NODE_ID", value) for value in ("a/b", "+", "Door", "a b", "-x", "x" * 33)),
        *(("TOPIC_PREFIX", value) for value in ("face/#", "+", "a b", "/a", "a/", "$SYS", "x" * 66)),
        *(("DISCOVERY_PREFIX", value) for value in ("home/+", "homeassistant/")),
        *(("MQTT_PORT", value) for value in ("0", "65536", "mqtt", "1883.5")),
        *(("STILL_EVERY_S", value) for value in ("-1", "nan", "3601")),
        *(("PEOPLE_KEPT_DAYS", value) for value in ("0", "x")),
        *(("DETECT_EVERY_MAX", value) for value in ("0", "301")),
        *(("FACES_HZ", value) for value in ("0", "-1", "nan", "61")),
        *(("PRESENCE_OFF_AFTER_S", value) for value in ("-1", "nan", "inf")),
        ("MQTT_TLS", "perhaps"),
    ],
)
def test_a_bad_setting_ends_the_bridge_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("MQTT_USERNAME", "facewire")
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    monkeypatch.setenv(name, value)
    line = complaint(capsys)
    assert line.startswith(f"facewire: {name}: ")
    assert f"for example {name}=" in line
    assert SECRET not in line


def test_a_password_without_a_username_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    line = complaint(capsys)
    assert line.startswith("facewire: MQTT_USERNAME: must be set")
    assert SECRET not in line


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(BridgeSettings)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("prefix", ["facewire", "home/faces", "f", "x" * 64])
def test_a_good_prefix_is_taken(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("TOPIC_PREFIX", prefix)
    assert load(BridgeSettings).topic_prefix == prefix


def test_the_password_does_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_USERNAME", "facewire")
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    settings = load(BridgeSettings)
    assert SECRET not in f"{settings!r} {settings}"
