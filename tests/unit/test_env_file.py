"""`scripts/check-env` tells of what compose would cut, replace or ignore, and repeats no value."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import env_file, plan
from tests.places import ROOT

KNOWN = ("CAMERA", "CAMERAS", "MQTT_HOST", "MQTT_PASSWORD", "MQTT_PORT", "NODE_NAME", "WEB_PASSWORD")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CAMERA=rtsp://admin:pa$word9@host/x", ["1: CAMERA has a `$`"]),
        ("CAMERA=rtsp://admin:pa${word}9@host/x", ["1: CAMERA has a `$`"]),
        ('WEB_PASSWORD="a$b"', ["1: WEB_PASSWORD has a `$`"]),
        ("WEB_PASSWORD=a${MQTT_HOST}\nMQTT_HOST=h", ["1: WEB_PASSWORD has a `$`"]),
        ("\nWEB_PASSWORD=green $apple #7 tree", ["2: WEB_PASSWORD is cut at its ` #`"]),
        ("WEB_PASSWORD=green # tree", ["1: WEB_PASSWORD is cut at its ` #`"]),
        ("NODE_NAME=Door #1", ["1: NODE_NAME is cut"]),
        ("MQTT_HSOT=x", ["1: MQTT_HSOT is read by nobody; is MQTT_HOST meant?"]),
        ("mqtt_host=x", ["1: mqtt_host is read by nobody; is MQTT_HOST meant?"]),
        ("ZZZ=x", ["1: ZZZ is read by nobody"]),
        ("WEB_PASSWORD='abc", ["1: WEB_PASSWORD has a quote that never ends"]),
        ("WEB_PASSWORD='it's'", ["1: WEB_PASSWORD has text behind its closing quote"]),
        ("WEB_PASSWORD=abc'", ["1: WEB_PASSWORD ends with a quote that never began"]),
        ("WEB_PASSWORD='abc '", ["1: WEB_PASSWORD ends with a blank"]),
        ("WEB_PASSWORD", ["1: is no NAME=value"]),
        ("NODE_NAME=a\nNODE_NAME=b", ["2: NODE_NAME is set once more"]),
        ("NODE_NAME='a\nb'\nMQTT_PORT=x\nzzz", ["1: NODE_NAME has a control character", "4: is no NAME=value"]),
        ("NODE_NAME=caf\udce9", ["1: NODE_NAME is not UTF-8"]),
        ("NODE_NAME=a\x1bb", ["1: NODE_NAME has a control character"]),
    ],
)
def test_a_mistake_is_told_with_line_and_name(text: str, told: list[str]) -> None:
    found = list(env_file.problems(text, KNOWN))

    assert len(found) == len(told)
    assert all(each.startswith(begin) for each, begin in zip(found, told, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment\n\n  # another\n",
        "CAMERA='rtsp://admin:pa$word9 #7@host/x' # the door",
        'WEB_PASSWORD="a \\" #b"',
        "WEB_PASSWORD=a$$b",
        "MQTT_PORT=1883 # the port",
        "MQTT_PORT=1883\r\nNODE_NAME=Door\r\n",
        "NODE_NAME=Door\nMQTT_HOST=${NODE_NAME}.lan",
        "export NODE_NAME=Door",
        "CAMERAS='door=demo,\nhall=demo'",
        "COMPOSE_PROJECT_NAME=x",
        "MQTT_PASSWORD=",
        "WEB_PASSWORD=a#b",
    ],
)
def test_what_arrives_as_it_is_written_is_left_alone(text: str) -> None:
    assert list(env_file.problems(text, KNOWN)) == []


@given(st.text(max_size=30), st.sampled_from(["CAMERA={}", "WEB_PASSWORD='{}", 'X="{}"', "{}", "NODE_NAME: {}"]))
def test_no_line_repeats_a_value(text: str, form: str) -> None:
    secret = f"#{text}Zq7 $Zq7{text}"

    for each in env_file.problems(form.format(secret), KNOWN):
        assert "Zq7" not in each.removeprefix("1: ").partition(" is ")[0] or form == "{}"
        assert "Zq7" not in each.partition(" is ")[2]


def check(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts/check-env", *arguments], cwd=folder, capture_output=True, text=True)


def test_the_script_needs_python_alone_and_ends_with_2_over_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"MQTT_PASSWORD='fine'\n")
    assert check(".env", folder=tmp_path).returncode == 0

    file.write_bytes(b"MQTT_HSOT=h\nWEB_PASSWORD=gr\xfcn #7s3cr3t\n")
    done = check(str(file), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"facewire: {file}:1: MQTT_HSOT is read by nobody; is MQTT_HOST meant?",
        f"facewire: {file}:2: WEB_PASSWORD is cut at its ` #`; put the value between single quotes",
    ]
    assert check(str(tmp_path / "none"), folder=tmp_path).returncode == 2
    assert check("a", "b", folder=tmp_path).returncode == 2


@pytest.mark.skipif(shutil.which("docker") is None, reason="left out: docker compose is not installed")
@pytest.mark.parametrize(
    "value", ["green $apple #7 tree", "pa$$word", "a 'b", "plain", "a\"b'", "Zoë #1", "a\\nb", "it\\'s", "a\\", " x"]
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_compose_passes_on_unchanged_what_was_left_alone(tmp_path: Path, value: str, quote: str) -> None:
    file, compose = tmp_path / "env", tmp_path / "compose.yml"
    file.write_text(f"WEB_PASSWORD={quote}{value}{quote}\n", encoding="utf-8")
    compose.write_text('services: {a: {image: b, environment: {GOT: "<${WEB_PASSWORD}>"}}}', encoding="utf-8")
    command = ["docker", "compose", "--env-file", str(file), "-f", str(compose), "config", "--format", "json"]
    clean = {name: text for name, text in os.environ.items() if name != "WEB_PASSWORD"}
    done = subprocess.run(command, capture_output=True, text=True, env=clean)

    arrived = ""
    if done.returncode == 0:
        # Compose doubles each dollar in what it prints.
        arrived = json.loads(done.stdout)["services"]["a"]["environment"]["GOT"].replace("$$", "$")
    wrong = list(env_file.problems(file.read_text(encoding="utf-8"), ["WEB_PASSWORD"]))
    # Who writes two dollars outside of single quotes means one.
    meant = value if quote == "'" else value.replace("$$", "$")
    assert wrong or arrived == f"<{meant if quote else meant.strip()}>", (done.stderr, arrived)


@pytest.mark.parametrize(("name", "near"), [("MQTT_HSOT", "MQTT_HOST"), ("WEB_PASSWORT", "WEB_PASSWORD")])
def test_a_local_run_tells_of_a_name_that_is_nearly_a_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, near: str
) -> None:
    monkeypatch.setenv(name, "s3cr3t")
    plan.check_environment()
    assert f"facewire: {name} is read by nobody; is {near} meant?\n" in capsys.readouterr().err


def test_a_local_run_tells_of_a_setting_that_it_decides_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MQTT_HOST", "mqtt://ha:s3cr3t@host")
    plan.check_environment()
    assert capsys.readouterr().err == "facewire: MQTT_HOST is not used: a local run decides it itself\n"


def test_a_local_run_refuses_bytes_that_no_service_could_read() -> None:
    clean = {os.fsencode(name): os.fsencode(text) for name, text in os.environ.items()}
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "runner", "--headless"],
        cwd=ROOT,
        env=clean | {b"NODE_NAME": b"T\xfcr", b"WEB_PASSWORD": b"s3cr3t\x07"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "facewire: NODE_NAME: is not UTF-8; write it in UTF-8; WEB_PASSWORD: has a control character; leave it out\n"
    )
