"""Who may come in: a login where one is set, this machine's own names where none is, strict headers always."""

import base64
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from web.app import create_app
from web.guard import HEADERS
from web.live import LiveView
from web.settings import WebSettings, is_loopback

from facewire.controls import Controls
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from facewire.settings import load
from facewire.streams import Intake

PASSWORD = "öffne dich: Sesam"
# Nobody listens on the discard port.
NOWHERE = "redis://127.0.0.1:9/0"
GUARDED = ("/", "/api/health", "/api/cameras", "/api/events", "/events/1-1/snapshot.jpg", "/stream/door.mjpg")
OTHERS = ("/static/app.js", "/nowhere", "/healthz/", "//healthz")


def app(folder: Path, password: str = "", metrics: Metrics | None = None) -> Flask:
    metrics = metrics or Metrics("test")
    heartbeat = Heartbeat("test", folder, metrics, watchdog_s=None)
    link = Link(connect(NOWHERE), "bus", heartbeat, metrics)
    live = LiveView(lambda: link, Intake(metrics, open_log("test")), metrics, fps=15, max_viewers=1)
    settings = WebSettings(web_host="127.0.0.1", web_username="zoë", web_password=password)
    return create_app(settings, link, link, live, metrics, dict, Controls)


@pytest.fixture
def locked(tmp_path: Path) -> FlaskClient:
    """A client of a dashboard with a login."""
    return app(tmp_path, PASSWORD).test_client()


@pytest.fixture
def fenced(tmp_path: Path) -> FlaskClient:
    """A client of a dashboard without a login."""
    return app(tmp_path).test_client()


def basic(credentials: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


RIGHT = basic(f"zoë:{PASSWORD}".encode())
RIGHT_OF_OLD_BROWSERS = basic(f"zoë:{PASSWORD}".encode("latin-1"))
WRONG: tuple[dict[str, str], ...] = (
    {},
    basic(f"zoë:{PASSWORD}x".encode()),
    basic(f"eve:{PASSWORD}".encode()),
    basic("zoë:".encode()),
    basic(b":"),
    basic(b""),
    basic(b"\xff\xfe:\xff"),
    {"Authorization": "Basic no-base64!"},
    {"Authorization": "Basic"},
    {"Authorization": ""},
    {"Authorization": f"Bearer {PASSWORD}"},
    {"Authorization": f'Basic username="zoë", password="{PASSWORD}"'},
)


@pytest.mark.parametrize("headers", WRONG)
def test_without_the_right_login_nothing_is_shown(locked: FlaskClient, headers: dict[str, str]) -> None:
    for path in GUARDED + OTHERS:
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="facewire"'


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "PATCH"])
def test_no_method_is_a_way_round_the_login(locked: FlaskClient, method: str) -> None:
    assert {locked.open(path, method=method).status_code for path in GUARDED} == {401}


def test_with_the_right_login_pages_are_shown_whatever_the_host_is_called(locked: FlaskClient) -> None:
    for host in ("localhost", "pi.local:8080", "192.168.1.5"):
        answer = locked.get("/", headers=RIGHT | {"Host": host})
        assert answer.status_code == 200
        assert b"<title>facewire</title>" in answer.data


def test_the_right_login_is_known_in_either_encoding(locked: FlaskClient) -> None:
    assert [locked.get("/", headers=login).status_code for login in (RIGHT, RIGHT_OF_OLD_BROWSERS)] == [200, 200]


def test_only_a_wrong_password_is_counted_as_refused(tmp_path: Path) -> None:
    metrics = Metrics("test")
    client = app(tmp_path, PASSWORD, metrics).test_client()
    for headers in ({}, RIGHT, WRONG[1], WRONG[2]):
        client.get("/", headers=headers)
    assert metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "login_refused"}) == 2


@pytest.mark.parametrize("headers", [{}, {"Host": "evil.example"}])
def test_the_health_check_needs_no_login(locked: FlaskClient, fenced: FlaskClient, headers: dict[str, str]) -> None:
    for client in (locked, fenced):
        answer = client.get("/healthz", headers=headers)
        assert (answer.status_code, answer.data) == (200, b"ok\n")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8080", "localhost:8080", "localhost.", "LocalHost.:8080"),
        *("127.0.0.1:8080", "127.9.9.9", "[::1]", "[::1]:8080"),
    ],
)
def test_without_a_login_this_machines_names_are_answered(fenced: FlaskClient, host: str) -> None:
    assert fenced.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8080",
        "evil.example:127.0.0.1",
        "evil.example#localhost",
        "localhost@evil.example",
        "192.168.1.5:8080",
        "0.0.0.0:8080",
        "[fe80::1]:8080",
        "[::1].evil.example",
        "[::1]evil.example:80",
    ],
)
def test_without_a_login_a_foreign_name_is_refused(fenced: FlaskClient, host: str) -> None:
    for path in GUARDED + OTHERS:
        answer = fenced.get(path, headers={"Host": host})
        assert answer.status_code in {400, 403}, path
    answer = fenced.get("/", headers={"Host": "localhost", "X-Forwarded-Host": "evil.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", [*GUARDED, *OTHERS, "/healthz"])
def test_every_answer_carries_the_security_headers(locked: FlaskClient, fenced: FlaskClient, path: str) -> None:
    answers = (
        fenced.get(path),
        fenced.get(path, headers={"Host": "evil.example"}),
        fenced.post(path),
        locked.get(path),
        locked.get(path, headers=RIGHT),
    )
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.status
        assert not any(name.startswith("Access-Control") for name, _ in answer.headers)


def test_pages_may_run_no_foreign_and_no_inline_script(fenced: FlaskClient) -> None:
    answer = fenced.get("/")
    policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", ["", " ", "0.0.0.0", "::", "10.0.0.1", "localhost.evil", "pi", "127.0.0.1:80", "127.1"]
)
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@given(st.ip_addresses())
def test_an_address_is_loopback_only_where_its_kind_says_so(address: object) -> None:
    text = str(address)
    assert is_loopback(text) == (text.startswith("127.") or text == "::1")


@pytest.mark.parametrize("variable", ["WEB_HOST", "WEB_BIND"])
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "pi.local"])
def test_beyond_this_machine_a_password_is_asked_for_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    line = complaint(capsys)
    assert "WEB_PASSWORD: must be set" in line
    assert f"{variable} lets other machines in" in line
    monkeypatch.setenv("WEB_PASSWORD", PASSWORD)
    assert load(WebSettings).published_at == address


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(WebSettings)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.startswith("facewire: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [("WEB_PORT", "0"), ("STREAM_FPS", "0"), ("MAX_VIEWERS", "65"), ("WEB_USERNAME", "a:b"), ("WEB_PORT", PASSWORD)],
)
def test_a_complaint_names_the_variable_and_never_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, wrong: str
) -> None:
    monkeypatch.setenv("WEB_PASSWORD", PASSWORD)
    monkeypatch.setenv(variable, wrong)
    line = complaint(capsys)
    assert f"{variable}: " in line
    assert PASSWORD not in line


def test_the_password_shows_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PASSWORD", PASSWORD)
    settings = load(WebSettings)
    for text in (str(settings), repr(settings)):
        assert PASSWORD not in text
