"""Names, frames and paths that are allowed by settings, and those that never are."""

import base64
import hashlib
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from web.app import create_app
from web.guard import HEADERS, SLASH_SCRIPT, SLASH_SCRIPT_SHA256
from web.live import LiveView
from web.settings import WebSettings

from facewire.controls import Controls
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from facewire.settings import load
from facewire.streams import Intake


def client(folder: Path, **told: str) -> FlaskClient:
    """Return a browser on this machine, of a dashboard that is told so by its environment."""
    metrics = Metrics("test")
    heartbeat = Heartbeat("test", folder, metrics, watchdog_s=None)
    link = Link(connect("redis://127.0.0.1:9/0"), "bus", heartbeat, metrics)
    live = LiveView(lambda: link, Intake(metrics, open_log("test")), metrics, fps=15, max_viewers=1)
    return create_app(load(WebSettings, told), link, link, live, metrics, dict, Controls).test_client()


@pytest.mark.parametrize("host", ["pi.local", "PI.local:8080", "facewire.home.", "[fd00::7]:8080", "localhost"])
def test_names_in_web_hosts_are_answered(tmp_path: Path, host: str) -> None:
    browser = client(tmp_path, web_hosts="pi.local, Facewire.Home [fd00::7]")
    assert browser.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "pi.local.evil.example", "xpi.local", "evil@pi.local:80", "evil.example:pi.local", "local"]
)
def test_other_names_are_still_refused(tmp_path: Path, host: str) -> None:
    browser = client(tmp_path, web_hosts="pi.local,facewire.home")
    assert browser.get("/", headers={"Host": host}).status_code in {400, 403}
    told = {"Host": host, "X-Forwarded-Host": "pi.local", "X-Forwarded-Prefix": "/facewire"}
    assert browser.get("/facewire/api/cameras", headers=told).status_code in {400, 403}


def test_frames_are_allowed_only_to_those_that_are_named(tmp_path: Path) -> None:
    answer = client(tmp_path, web_frame_ancestors="http://homeassistant.local:8123, 'self' https://*.ha.example/").get(
        "/"
    )
    rules = answer.headers["Content-Security-Policy"].split("; ")
    assert "frame-ancestors http://homeassistant.local:8123 'self' https://*.ha.example" in rules
    # Browsers that know no frame-ancestors would obey it, and it can name no origin.
    assert "X-Frame-Options" not in answer.headers
    assert HEADERS["X-Frame-Options"] == client(tmp_path).get("/").headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("prefix", "headers", "path", "status"),
    [
        ("/facewire", {}, "/facewire/healthz", 200),
        ("/facewire/", {}, "/facewire/static/app.js", 200),
        ("/facewire", {}, "/healthz", 200),
        ("/facewire", {}, "/facewire", 200),
        ("/a/b-c/d.e", {}, "/a/b-c/d.e/", 200),
        ("/facewire", {}, "/facewirehealthz", 404),
        ("/facewire", {}, "/facewire/facewire/healthz", 404),
        ("", {"X-Forwarded-Prefix": "/facewire"}, "/facewire/healthz", 200),
        ("", {"X-Forwarded-Prefix": "/facewire"}, "/healthz", 200),
        ("", {"X-Ingress-Path": "/api/hassio_ingress/a_B-1/"}, "/api/hassio_ingress/a_B-1/healthz", 200),
        ("", {"X-Forwarded-Prefix": "/api"}, "/api/static/app.js", 200),
        ("", {"X-Forwarded-Prefix": "/static"}, "/static/app.js", 200),
        ("", {}, "/facewire/healthz", 404),
        ("", {"X-Forwarded-Prefix": "/../x"}, "/x/healthz", 404),
        ("", {"X-Forwarded-Prefix": "/a\tb"}, "/a%09b/healthz", 404),
        ("", {"X-Forwarded-Prefix": "/"}, "/healthz", 200),
    ],
)
def test_pages_are_found_below_a_path(
    tmp_path: Path, prefix: str, headers: dict[str, str], path: str, status: int
) -> None:
    told = {"web_path_prefix": prefix} if prefix else {}
    assert client(tmp_path, **told).get(path, headers=headers).status_code == status


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
def test_no_forged_prefix_reaches_the_page(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    browser = client(tmp_path_factory.mktemp("forged"))
    plain = browser.get("/").data
    for name in ("X-Forwarded-Prefix", "X-Ingress-Path", "X-Script-Name", "X-Forwarded-Host"):
        assert browser.get("/", headers={name: f"/{text}"}).data == plain


def test_a_prefix_is_no_way_round_the_login(tmp_path: Path) -> None:
    browser = client(tmp_path, web_password="a long sentence", web_path_prefix="/facewire")
    for prefix in ("/facewire", "/healthz", "/x"):
        for path in ("/", "/api/cameras", "/static/app.js", "/stream"):
            answer = browser.get(f"{prefix}{path}", headers={"X-Forwarded-Prefix": prefix})
            assert answer.status_code == 401, (prefix, path)


def test_the_page_names_no_address_that_begins_at_the_root(tmp_path: Path) -> None:
    browser = client(tmp_path)
    page = browser.get("/").text
    assert 'src="/' not in page
    assert 'href="/' not in page
    for name in ("app", "feed", "link", "shared", "tiles", "panels"):
        script = browser.get(f"/static/{name}.js").text
        assert not any(
            f"{quote}/{word}" in script for quote in "`\"'" for word in ("api", "stream", "events", "static")
        )


def test_the_one_script_in_the_page_is_the_one_that_the_policy_allows(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/")
    (inline,) = [part.partition("</script>")[0] for part in answer.text.split("<script>")[1:]]
    assert inline == SLASH_SCRIPT
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"sha256-{digest}" == SLASH_SCRIPT_SHA256
    assert f"'{SLASH_SCRIPT_SHA256}'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        ("WEB_HOSTS", "http://pi.local"),
        ("WEB_HOSTS", "pi.local:8080"),
        ("WEB_HOSTS", "*"),
        ("WEB_HOSTS", "pi.local/facewire"),
        ("WEB_HOSTS", "pi.local,,a b;c"),
        ("WEB_FRAME_ANCESTORS", "homeassistant.local"),
        ("WEB_FRAME_ANCESTORS", "*"),
        ("WEB_FRAME_ANCESTORS", "http://a; script-src *"),
        ("WEB_FRAME_ANCESTORS", "http://ha.local/lovelace"),
        ("WEB_FRAME_ANCESTORS", "javascript://x"),
        ("WEB_FRAME_ANCESTORS", "http://user:pw@ha.local"),
        ("WEB_PATH_PREFIX", "facewire"),
        ("WEB_PATH_PREFIX", "//evil.example"),
        ("WEB_PATH_PREFIX", "/a b"),
        ("WEB_PATH_PREFIX", "/a?b"),
        ("WEB_PATH_PREFIX", "https://pi.local/facewire"),
    ],
)
def test_a_mistake_in_them_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, wrong: str
) -> None:
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(SystemExit) as ended:
        load(WebSettings)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert line.startswith(f"facewire: {variable}: Must be ")
    assert f"for example {variable}=" in line
    assert line.count("\n") == 1
