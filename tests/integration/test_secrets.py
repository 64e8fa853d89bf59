"""No secret leaves the stack: each is marked, and every output of real processes is searched for the mark."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from facewire.link import connect
from tests.integration.bridge import Store, kept, listening, metrics
from tests.integration.rules import HEAD, happens, rule
from tests.integration.web_process import web
from tests.places import CACHE, MODELS
from tests.processes import Running, environment, refused, service
from tests.servers import free_port, mosquitto, redis_server, wait_for

MARK = "Zq7mark"
PASSWORD = f"{MARK}-5tore"
WRONG = f"{MARK}-wr0ng"
BROKER = f"{MARK}-br@ker/7"
BASE = "facewire/door-pi"


@contextmanager
def refusing_camera() -> Iterator[int]:
    """A web server that answers every request with 401, and repeats its path in the answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401, f"not {self.path}")
            self.end_headers()
            self.wfile.write(f"no such password: {self.path}".encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server that wants a password."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as url:
        connect(url).config_set("requirepass", PASSWORD)
        yield url.replace("redis://", f"redis://:{PASSWORD}@")


def cameras(port: int) -> str:
    """Return cameras that are away or refuse, with a secret wherever one may stand; two have the same host."""
    away = "127.0.0.1:9"
    return ",".join(
        f"{name}={address}"
        for name, address in {
            "query": f"http://127.0.0.1:{port}/flv?port=1935&user=admin&password={MARK}@t",
            "path": f"rtsp://{away}/user=admin_password={MARK}_channel=1_stream=0.sdp",
            "token": f"rtsps://{away}/{MARK}Token",
            "parameter": f"http://127.0.0.1:{port}/video;{MARK}",
            "fragment": f"http://127.0.0.1:{port}/video#{MARK}",
            "twice": f"http://{MARK}user:{MARK}p@ss@127.0.0.1:{port}/video",
            "slash": f"rtsp://{MARK}user:12/{MARK}@{away}/x",
            "encoded": f"rtsp://user:%5A{MARK[1:]}%2F@{away}/x",
        }.items()
    )


def rules(webhook: str, secret_env: str) -> str:
    more = f', retries: 0, timeout_s: 1, secret_env: "{secret_env}"'
    return HEAD + rule("calls", f'webhook: {{url: "{webhook}"{more}}}')


def health(running: Running) -> str:
    return (running.run_dir / f"{running.name}.json").read_text(encoding="utf-8")


def search(places: dict[str, str]) -> None:
    """Fail where a mark is found, decoded or not."""
    found = {
        place: text[max(0, text.lower().find(MARK[1:].lower()) - 80) :][:200]
        for place, text in places.items()
        if MARK[1:].lower() in text.lower()
    }
    assert found == {}


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    """A broker that wants a password of the bridge; tests listen at a door of their own."""
    folder = tmp_path / "mqtt"
    folder.mkdir()
    with mosquitto(folder, password=BROKER) as port:
        yield port


def test_no_output_of_the_stack_holds_a_secret(tmp_path: Path, redis_url: str, broker_port: int) -> None:
    folders = {name: tmp_path / name for name in ("capture", "detector", "tracker", "iot-bridge", "web")}
    for folder in folders.values():
        folder.mkdir()
    file = tmp_path / "rules.yaml"
    ports = {name: str(free_port()) for name in folders if name != "web"}
    urls = {"BUS_URL": redis_url, "STORE_URL": redis_url}
    models = {"MODELS_DIR": str(MODELS), "CACHE_DIR": str(CACHE), "DETECTOR_BACKEND": "onnxruntime"}
    with ExitStack() as stack:
        camera = stack.enter_context(refusing_camera())
        secretive = f"http://127.0.0.1:{camera}/{MARK};{MARK}?token={MARK}@a#{MARK}"
        file.write_text(rules(secretive, "WEBHOOK_KEY"), encoding="utf-8")
        home = stack.enter_context(listening(broker_port, "home", BROKER))
        settings = {
            "capture": {"CAMERAS": cameras(camera), "CAMERA_TIMEOUT_S": "1", **urls},
            "detector": {**models, **urls},
            "tracker": {"BUS_URL": redis_url, "STORE_URL": redis_url.replace(PASSWORD, WRONG)},
            "iot-bridge": {
                "MQTT_HOST": f"mqtt://facewire:{BROKER.replace('/', '%2F')}@127.0.0.1:{broker_port}",
                "NODE_ID": "door-pi",
                "RULES_FILE": str(file),
                "WEBHOOK_KEY": f"{MARK}-key",
                "SPEECH_OUTPUT": "webhook",
                "SPEECH_WEBHOOK_URL": secretive,
                **urls,
            },
        }
        capture, detector, tracker, bridge = (
            stack.enter_context(
                service(
                    name,
                    folders[name],
                    command=("-m", name.replace("-", "_")),
                    METRICS_PORT=ports[name],
                    LOG_LEVEL="DEBUG",
                    **settings[name],
                )
            )
            for name in settings
        )
        login = {"WEB_PASSWORD": f"{MARK} word ", "LOG_LEVEL": "DEBUG"}
        dashboard = stack.enter_context(web(folders["web"], redis_url, redis_url, **login))
        wait_for(lambda: "Redis 'store'" in tracker.says(), "the refused password to be noticed")
        wait_for(lambda: {"query", "encoded"} <= set(capture.notes()), "the cameras")
        wait_for(bridge.healthy, "the bridge")
        happens(Store(connect(redis_url)), 1)
        wait_for(lambda: "a webhook was given up" in bridge.output(), "the webhook")
        for url, secret_env, mistake in (
            (f"http://{MARK}:x@a", "WEBHOOK_KEY", "one with a user"),
            ("http://a", f"{MARK}-key", "the name of a variable"),
            ("http://a", MARK.upper(), "one that is not"),
        ):
            file.write_text(rules(url, secret_env), encoding="utf-8")
            wait_for(lambda mistake=mistake: mistake in bridge.notes().get("rules", ""), "the mistake")  # type: ignore[misc]
        wait_for(lambda: b"one that is not" in home.latest(f"{BASE}/health"), "the mistake over MQTT")
        wait_for(lambda: b"rtsp://127.0.0.1:9" in home.latest(f"{BASE}/health"), "the cameras over MQTT")

        running = (capture, detector, tracker, bridge)
        search(
            {f"log of {each.name}": each.output() for each in running}
            | {f"health of {each.name}": health(each) for each in running}
            | {f"metrics of {name}": metrics(int(port)) for name, port in ports.items()}
            | {"metrics of web": metrics(dashboard.metrics_port)}
            | {"health of web": (dashboard.run_dir / "web.json").read_text(encoding="utf-8")}
            | {path: api(dashboard.url(path)) for path in ("/api/health", "/api/cameras", "/api/events")}
            | {"the page's stream": api(dashboard.url("/stream"), 20_000)}
            | {"all that Redis holds": everything(redis_url)}
            | {"MQTT": repr([(each.topic, each.payload) for each in home.got])}
            | {"retained": repr(kept(broker_port, "late", BROKER))}
            | {"processes": repr([psutil.Process(each.process.pid).cmdline() for each in (*running, dashboard)])}
        )
        shown = json.loads(health(capture))
        # What is shown instead tells the cameras apart.
        assert shown["notes"]["path"].startswith("rtsp://127.0.0.1:9 ")
        assert shown["notes"]["token"].startswith("rtsps://127.0.0.1:9 ")
        assert "WEB_PASSWORD ends with a blank" in (dashboard.run_dir / "web.json").read_text(encoding="utf-8")
    search({name: path.read_text(encoding="utf-8") for name in folders for path in folders[name].glob("*.log")})


def api(url: str, size: int = -1) -> str:
    """Ask with the dashboard's password."""
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, url, "facewire", f"{MARK} word ")
    with urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager)).open(url) as answer:
        return str(answer.read(size).decode("utf-8", "replace"))


def everything(url: str) -> str:
    client: Any = connect(url)
    read = {b"hash": client.hgetall, b"stream": client.xrange, b"string": client.get, b"set": client.smembers}
    read[b"zset"] = lambda key: client.zrange(key, 0, -1, withscores=True)
    found = {key: read[client.type(key)](key) for key in client.scan_iter()}
    assert any(key.startswith(b"health:detector") for key in found)
    return repr(found)


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("capture", {"CAMERA": f"rtsp://user:pa/{MARK}@host/x"}, "CAMERA: "),
        ("capture", {"CAMERA": f"192.168.1.2:554/user=admin_password={MARK}.sdp"}, "address without a scheme"),
        ("capture", {"CAMERA": f"/{MARK}" * 1000}, "there is no such file"),
        ("capture", {"CAMERAS": f"door={MARK}Token"}, "there is no such file"),
        ("tracker", {"STORE_URL": f"redis://user:12/{MARK}@host/0"}, "STORE_URL: "),
        ("iot_bridge", {"MQTT_HOST": f"mqtt://user:pa/{MARK}@host"}, "MQTT_HOST: "),
        ("iot_bridge", {"MQTT_HOST": f"wss://user:{MARK}@host"}, "MQTT_HOST: "),
        ("iot_bridge", {"SPEECH_WEBHOOK_URL": f"http://user:{MARK}@host"}, "SPEECH_WEBHOOK_URL: "),
        ("web", {"BUS_URL": f"http://:{MARK}@host"}, "BUS_URL: "),
    ],
)
def test_no_refusal_holds_a_secret(tmp_path: Path, name: str, settings: dict[str, str], complaint: str) -> None:
    said = refused(name, tmp_path, **settings)

    assert complaint in said
    assert MARK not in said


@pytest.mark.parametrize(
    ("command", "variable", "wrong"),
    [
        (("capture",), b"CAMERA", b"caf\xe9"),
        (("tracker",), b"LOG_LEVEL", b"a\xff"),
        (("detector",), b"DETECTOR_BACKEND", b"a\xc3"),
        (("web",), b"WEB_PASSWORD", b"caf\xe9"),
        (("iot_bridge",), b"NODE_NAME", b"T\xfcr"),
        (("iot_bridge", "check"), b"MQTT_PASSWORD", b"a\x1b[31mb"),
        (("iot_bridge", "pin", "front"), b"STORE_URL", b"a\r"),
        (("facewire.record", "out"), b"BUS_URL", b"a\xed\xa0\x80"),
    ],
)
def test_bytes_that_are_no_text_end_every_command_with_one_line(
    tmp_path: Path, command: tuple[str, ...], variable: bytes, wrong: bytes
) -> None:
    given = {os.fsencode(name): os.fsencode(text) for name, text in environment(tmp_path).items()}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=given | {variable: MARK.encode() + wrong},
        capture_output=True,
        cwd=tmp_path,
    )

    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"facewire: " + variable + b": ")
    assert done.stderr.count(b"\n") == 1
    assert MARK.encode() not in done.stderr


def test_a_key_of_webhooks_that_is_no_text_is_told_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rules("http://a", "WEBHOOK_KEY"), encoding="utf-8")
    given = {os.fsencode(name): os.fsencode(text) for name, text in environment(tmp_path).items()}
    command = [sys.executable, "-m", "iot_bridge", "check", str(tmp_path / "rules.yaml")]
    done = subprocess.run(command, env=given | {b"WEBHOOK_KEY": MARK.encode() + b"\xe9"}, capture_output=True)

    assert done.returncode == 2
    assert b"WEBHOOK_KEY, which is not UTF-8" in done.stderr
    assert MARK.encode() not in done.stderr


def test_an_error_that_nobody_foresaw_shows_no_secret(tmp_path: Path) -> None:
    code = (
        "import threading, logging\n"
        "from facewire.settings import Settings, load\n"
        "settings = load(Settings)\n"
        "def fail(): raise OSError(f'cannot reach {settings.bus_url} with ' + settings.bus_url[8:-12])\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "try: fail()\n"
        "except OSError: logging.exception('at %s', settings.bus_url)\n"
        "fail()\n"
    )
    given = environment(tmp_path, BUS_URL=f"redis://:{PASSWORD}@127.0.0.1:9")
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.count("OSError: cannot reach redis://127.0.0.1:9 with") == 3
    search({"tracebacks": done.stderr})
