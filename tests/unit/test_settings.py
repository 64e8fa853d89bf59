"""A bad setting is said in one line that helps, and never repeats what it was given."""

import subprocess
import sys
from typing import get_type_hints

import msgspec
import pytest
from capture.settings import CaptureSettings
from detector.settings import DetectorSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from iot_bridge.settings import BridgeSettings
from tracker.settings import TrackerSettings
from web.settings import WebSettings

from facewire.settings import LayoutSettings, Settings, known_settings, load
from runner.settings import WatchSettings

KINDS = (BridgeSettings, CaptureSettings, DetectorSettings, TrackerSettings, WatchSettings, WebSettings)


def complaint(capsys: pytest.CaptureFixture[str], kind: type[Settings]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(kind)
    assert ended.value.code == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


def test_the_line_names_variable_problem_and_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRICS_PORT", "99999")
    line = complaint(capsys, Settings)
    assert "METRICS_PORT" in line
    assert "65535" in line
    assert "for example METRICS_PORT=9100" in line
    assert "99999" not in line


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORT", "")
    assert load(Settings).metrics_port is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20).map("Zq7{}".format))
def test_no_complaint_repeats_a_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    monkeypatch.setenv("BUS_URL", f"http://user:{secret}@host")
    monkeypatch.setenv("MQTT_PASSWORD", secret)
    monkeypatch.setenv("MQTT_PORT", secret)
    assert secret not in complaint(capsys, BridgeSettings)


def test_a_node_id_that_would_break_topics_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in ("a/b", "#", "+", "Ünter", "a b", "-x"):
        monkeypatch.setenv("NODE_ID", wrong)
        assert "NODE_ID" in complaint(capsys, BridgeSettings)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "pi.local"])
def test_beyond_this_machine_the_dashboard_wants_a_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.setenv("WEB_BIND", address)
    line = complaint(capsys, WebSettings)
    assert "WEB_PASSWORD" in line
    assert "WEB_BIND" in line
    monkeypatch.setenv("WEB_PASSWORD", "open sesame please")
    assert load(WebSettings).published_at == address


def test_in_a_container_the_published_address_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_HOST", "0.0.0.0")
    monkeypatch.setenv("WEB_BIND", "127.0.0.1")
    assert load(WebSettings).web_host == "0.0.0.0"


@pytest.mark.parametrize("kind", KINDS)
def test_each_example_is_right_and_read_as_the_settings_type(kind: type[Settings]) -> None:
    for name, setting in known_settings(kind).items():
        value = setting.by.deserialize(str(setting.example))
        msgspec.convert(value, get_type_hints(kind)[name])


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("MQTT_PORT", "0")
    line = complaint(capsys, BridgeSettings)
    assert "LOG_LEVEL: Must be one of: DEBUG, INFO, WARNING, ERROR; for example LOG_LEVEL=INFO; MQTT_PORT: Must" in line
    assert "loud" not in line


@pytest.mark.parametrize("option", ["socket_timeout=Zq7soon", "Zq7option=1", "protocol=Zq7"])
def test_an_option_that_redis_does_not_know_is_a_mistake_of_the_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    monkeypatch.setenv("STORE_URL", f"redis://:Zq7secret@127.0.0.1:6380/0?{option}")
    line = complaint(capsys, Settings)
    assert line.startswith("facewire: STORE_URL: what stands behind the `?` cannot be read; for example STORE_URL=")
    assert "Zq7" not in line


@pytest.mark.parametrize(
    "url", ["redis://h:1/0?socket_timeout=3", "rediss://u:p@h:1?ssl_cert_reqs=none", "unix:///run/bus/redis.sock?db=2"]
)
def test_an_option_that_redis_knows_may_stand_in_the_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BUS_URL", url)
    assert load(Settings).bus_url == url


@pytest.mark.parametrize(("word", "meant"), [("yes", True), ("on", True), ("1", True), ("no", False), ("false", False)])
def test_yes_and_no_have_many_words(monkeypatch: pytest.MonkeyPatch, word: str, *, meant: bool) -> None:
    monkeypatch.setenv("MQTT_TLS", word)
    assert load(BridgeSettings).mqtt_tls is meant


def test_it_is_known_what_somebody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERAS_FILE", str(LayoutSettings().cameras_file))
    monkeypatch.setenv("LOG_FORMAT", "")
    named = load(LayoutSettings, {"metrics_port": "9100"}).named
    assert {"cameras_file", "metrics_port"} <= named
    assert "log_format" not in named


@pytest.mark.parametrize("service", ["iot_bridge.__main__", "web.worker"])
def test_who_computes_nothing_loads_no_numpy(service: str) -> None:
    code = f"import sys, {service}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", ["Zq7\udce9", "Zq7\x1b[0m", "Zq7\x00"[:-1] + "\x9b", "Zq7\r"])
def test_bytes_that_are_no_text_are_refused_for_every_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[Settings], wrong: str
) -> None:
    for name, setting in known_settings(kind).items():
        if setting.lines and "\r" in wrong:
            continue
        with monkeypatch.context() as patch:
            patch.setenv(name.upper(), wrong)
            line = complaint(capsys, kind)
        assert line.startswith(f"facewire: {name.upper()}: ")
        assert "Zq7" not in line


@pytest.mark.parametrize("round_it", ["{} ", " {}", '"{}"', "'{}'", ' "{} " '])
def test_blanks_and_quotes_round_a_setting_are_no_part_of_it_but_told(
    monkeypatch: pytest.MonkeyPatch, round_it: str
) -> None:
    for kind in KINDS:
        for name, setting in known_settings(kind).items():
            if setting.holds == "password":
                continue
            with monkeypatch.context() as patch:
                for other in ("WEB_PASSWORD", "MQTT_USERNAME"):
                    patch.setenv(other, "facewire")
                if name in ("mqtt_cert_file", "mqtt_key_file"):
                    continue
                patch.setenv(name.upper(), round_it.format(setting.example))
                read = load(kind)
            assert getattr(read, name) == setting.by.deserialize(str(setting.example))
            assert any(oddity.startswith(f"{name.upper()} ") for oddity in read.oddities)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("green ", "ends with a blank"),
        (" green", "begins with a blank"),
        ('"green"', "has quotes round it"),
        ("'green", "begins with a quote"),
        ('green"', "ends with a quote"),
    ],
)
def test_a_password_is_taken_as_it_is_and_told_of_where_it_looks_cut(
    monkeypatch: pytest.MonkeyPatch, password: str, why: str
) -> None:
    monkeypatch.setenv("WEB_PASSWORD", password)
    read = load(WebSettings)
    assert read.web_password == password
    assert [oddity.startswith(f"WEB_PASSWORD {why}") for oddity in read.oddities] == [True]
    assert "green" not in str(read.oddities)


@pytest.mark.parametrize("password", ["green apple", "it's", "a'b'c", 'O\'Neill "x" y', "#7", "$x"])
def test_a_password_that_may_be_meant_so_is_not_told_of(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("WEB_PASSWORD", password)
    assert load(WebSettings).oddities == ()


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:12/Zq7@host/0",
        "redis://user:12?password=Zq7@host",
        "redis://user:12#Zq7@host",
        "unix://user:12/Zq7@/run/x.sock",
        "redis://user:pa/Zq7@host",
    ],
)
def test_an_address_whose_password_would_be_taken_for_its_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("STORE_URL", url)
    line = complaint(capsys, Settings)
    assert line.startswith("facewire: STORE_URL: ")
    assert "Zq7" not in line
    assert "12" not in line.replace("127.0.0.1", "")
