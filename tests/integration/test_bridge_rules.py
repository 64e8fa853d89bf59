"""Rules as the bridge carries them out: with a real broker, real Redis servers and a real web server."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from facewire import keys
from facewire.link import connect
from facewire.messages import FaceEvent
from tests.integration.bridge import (
    BASE,
    Running,
    Store,
    bridging,
    broker_pid,
    fields,
    holds,
    listening,
    metrics,
)
from tests.integration.bridge import event as numbered
from tests.places import ROOT
from tests.processes import SECRET, environment, refused
from tests.servers import HUNG_S, free_port, mosquitto, wait_for

LAMP = "zigbee2mqtt/hall/set"
ON, OFF = b'{"state":"ON"}', b'{"state":"OFF"}'
HEAD = "lights:\n  hall: {zigbee2mqtt: hall}\nrules:\n"
WEBHOOKS = "iot-bridge-webhooks"


@pytest.fixture
def store(store_url: str) -> Store:
    """The events' store."""
    return Store(connect(store_url))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules' file."""
    return tmp_path / "rules.yaml"


def rule(name: str, do: str, event: str = "appeared") -> str:
    return f"  - name: {name}\n    when: {{event: {event}}}\n    do:\n      - {do}\n"


def on(seconds: float) -> str:
    return f"light: {{name: hall, turn: on, off_after_s: {seconds}}}"


def happens(store: Store, number: int, age_s: float = 0.0, **about: Any) -> FaceEvent:
    """Tell of an event of now, or of a while ago."""
    at_ns = time.time_ns() - int(age_s * 1e9)
    happened = replace(numbered(number), started_ns=at_ns, at_ns=at_ns, **about)
    store.client.xadd(keys.EVENTS.key(), fields(happened))
    return happened


def goes_off_s(store: Store) -> float:
    """Return the unix second at which the one light goes off."""
    ((_, at_s),) = store.client.zrange(keys.LIGHTS_OFF, 0, -1, withscores=True)
    return float(at_s)


def acknowledged(store: Store, group: str) -> bool:
    """Say whether a group took all events there are and acknowledged each.

    How many it read says less: for a group that began late Redis counts what was there before too.
    """
    last = store.client.xinfo_stream(keys.EVENTS.key())["last-generated-id"]
    groups = {each["name"].decode(): each for each in store.client.xinfo_groups(keys.EVENTS.key())}
    return group in groups and groups[group]["last-delivered-id"] == last and groups[group]["pending"] == 0


# ---- lights and messages


def test_a_rule_turns_a_light_on_and_off_again_and_publishes(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    say = 'publish: {topic: home/door, payload: "{event} at {camera}"}'
    rules.write_text(HEAD + rule("light", on(4)) + rule("say", say), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        happened = happens(store, 1)
        home.wait("home/door", b"appeared at door")
        home.wait(LAMP, ON)
        wait_for(lambda: home.event_ids() == [happened.id], "the event")
        first_s = goes_off_s(store)
        # Its time counts from the last time it was turned on.
        happens(store, 2)
        wait_for(lambda: len(home.payloads(LAMP)) == 2, what="the second ON")
        until_s = goes_off_s(store)
        assert first_s < until_s <= time.time() + 4
        home.wait(LAMP, OFF)
        assert time.time() >= until_s
        assert home.payloads(LAMP) == [ON, ON, OFF]
        assert holds(lambda: len(home.payloads(LAMP)) == 3, 1.5), "off is said once"
        assert not any(message.retain for message in home.got if message.topic in (LAMP, "home/door"))
        wait_for(lambda: store.client.zcard(keys.LIGHTS_OFF) == 0, "it to be forgotten")


def test_a_light_goes_off_although_the_bridge_was_killed_and_its_rule_is_gone(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    rules.write_text(HEAD + rule("light", on(2)), encoding="utf-8")
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            bridge.wait_until_healthy()
            happens(store, 1)
            home.wait(LAMP, ON)
            bridge.kill()
        rules.write_text("", encoding="utf-8")
        (tmp_path / "run" / "iot-bridge.json").unlink()
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)):
            home.wait(LAMP, OFF)
            assert home.payloads(LAMP)[-1] == OFF
            assert home.payloads(LAMP).count(OFF) == 1


def test_after_a_broker_was_away_lights_go_off_and_none_goes_on_for_what_was_long_ago(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, rules: Path
) -> None:
    rules.write_text(
        HEAD + rule("light", on(4)) + rule("say", "publish: {topic: home/door, payload: '{id}'}"), encoding="utf-8"
    )
    port, metrics_port = free_port(), free_port()
    told = {"RULES_FILE": str(rules), "METRICS_PORT": str(metrics_port)}
    with ExitStack() as first, bridging(tmp_path, bus_url, store_url, port, **told) as bridge:
        first.enter_context(mosquitto(tmp_path, port=port))
        bridge.wait_until_healthy()
        with listening(port, "early") as home:
            happens(store, 1)
            home.wait(LAMP, ON)
        first.close()
        wait_for(lambda: not bridge.healthy(), "the loss to be noticed")
        waited = [happens(store, 2), happens(store, 3, age_s=600)]
        # Longer than the light would be on.
        time.sleep(4.5)
        with ExitStack() as there:
            # Else it might send events before anybody listens.
            with bridge.held():
                there.enter_context(mosquitto(tmp_path, port=port))
                home = there.enter_context(listening(port, "late"))
            wait_for(lambda: set(home.event_ids()) >= {each.id for each in waited}, "the events")
            home.wait(LAMP, OFF)
            told_of = {each.id.encode() for each in waited}
            wait_for(lambda: set(home.payloads("home/door")) >= told_of, "what the other rule says")
            assert ON not in home.payloads(LAMP)
            assert home.payloads(LAMP).count(OFF) == 1
            assert 'dropped_total{reason="late_light"} 2.0' in metrics(metrics_port)
            bridge.stop()


def test_an_event_and_what_its_rules_say_are_acknowledged_together(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    rules.write_text(HEAD + rule("light", on(600)), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        pid = broker_pid(tmp_path / "mqtt")
        os.kill(pid, signal.SIGSTOP)
        try:
            happens(store, 1)
            wait_for(lambda: store.client.zcard(keys.LIGHTS_OFF) == 1, what="the light's end to be kept")
            assert holds(lambda: store.pending() == 1, 1)
        finally:
            os.kill(pid, signal.SIGCONT)
        home.wait(LAMP, ON)
        wait_for(lambda: acknowledged(store, "iot-bridge"), what="the acknowledgement")


def test_a_sensor_in_the_dark_lets_a_rule_apply(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    dark = "illuminance: {topic: home/sensor, field: lux, below_lux: 10, when_unknown: no}"
    text = HEAD + rule("dark", "publish: {topic: home/dark, payload: '{id}'}", f"appeared, {dark}")
    rules.write_text(text, encoding="utf-8")
    with listening(broker_port) as home:
        # Nobody knows how old this is.
        home._client.publish("home/sensor", b'{"lux": 1}', qos=1, retain=True)
        home.wait("home/sensor", b'{"lux": 1}')
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            bridge.wait_until_healthy()
            dark_events = []
            for number, lux in enumerate((None, 50, 5, 60), start=1):
                if lux is not None:
                    home.publish("home/sensor", json.dumps({"lux": lux}).encode())
                    # What is sent to the bridge it takes in order.
                    for payload in (b"OFF", b"ON"):
                        home.publish(f"{BASE}/recognition/set", payload)
                        home.wait(f"{BASE}/recognition", payload)
                happened = happens(store, number)
                wait_for(lambda number=number: len(home.event_ids()) == number, what="the event")  # type: ignore[misc]
                dark_events += [happened.id.encode()] if lux == 5 else []
            assert home.payloads("home/dark") == dark_events


# ---- hot reload


def test_rules_are_read_again_while_it_runs_and_a_mistake_changes_nothing(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    say = "publish: {topic: home/{}, payload: x}"
    rules.write_text("rules:\n" + rule("a", say.replace("{}", "a")), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        new = rules.with_suffix(".new")
        new.write_text("rules:\n" + rule("b", say.replace("{}", "b")), encoding="utf-8")
        new.replace(rules)
        wait_for(lambda: "rule b new, rule a gone" in _log(tmp_path), "the new rules")
        rules.write_text(rules.read_text(encoding="utf-8").replace("publish", "polish"), encoding="utf-8")
        wait_for(lambda: f"{rules}:5:9: expected one of light" in _note(bridge), "the mistake to be shown")
        happens(store, 1)
        home.wait("home/b", b"x")
        assert home.payloads("home/a") == []
        assert _log(tmp_path).count("what was good stays") == 1
        topic = f"{BASE}/health"
        wait_for(lambda: "expected one of light" in home.latest(topic).decode(), "the mistake in the home")
        assert bridge.healthy()


def test_rules_follow_the_zones_that_they_name(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, rules: Path
) -> None:
    marked, corners = tmp_path / "cameras.yaml", "[[0, 0], [1, 0], [1, 1]]"
    porch = f"cameras: {{door: {{zones: [{{name: porch, polygon: {corners}}}]}}}}\n"
    marked.write_text(porch, encoding="utf-8")
    rules.write_text(
        "rules:\n  - {name: a, when: {event: left, zone: porch}, do: [publish: {topic: home/a, payload: x}]}\n",
        encoding="utf-8",
    )
    told = {"RULES_FILE": str(rules), "CAMERAS_FILE": str(marked)}
    with bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
        bridge.wait_until_healthy()
        marked.write_text(porch.replace("porch", "yard"), encoding="utf-8")
        wait_for(lambda: "expected a zone of cameras.yaml (yard), found 'porch'" in _note(bridge), "the mistake")
        assert "as before" in _note(bridge)
        marked.write_text(porch, encoding="utf-8")
        wait_for(lambda: _note(bridge) == "1 rule", "the rule to be right again")


def _log(folder: Path) -> str:
    return (folder / "bridge.log").read_text(encoding="utf-8")


def _note(bridge: Running) -> str:
    health = json.loads((bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8"))
    return str(health["notes"].get("rules", ""))


def test_a_bridge_does_not_start_with_a_mistake(tmp_path: Path, rules: Path) -> None:
    rules.write_text("rules:\n  - {name: x}\n", encoding="utf-8")
    assert refused("iot_bridge", tmp_path, RULES_FILE=str(rules)) == (
        f"facewire: {rules}:2:5: expected a rule with name and when and do, found no when"
    )
    line = refused("iot_bridge", tmp_path, TZ="Europe/Berln")
    assert line == "facewire: TZ: is no time zone that this host knows; for example TZ=Europe/Berlin"


def test_check_says_what_rules_mean_without_a_broker_or_redis(tmp_path: Path, rules: Path) -> None:
    rules.write_text(HEAD + rule("light", on(60)), encoding="utf-8")
    env = environment(tmp_path, TZ="Europe/Berlin")
    command = [sys.executable, "-m", "iot_bridge", "check", str(rules)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HUNG_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "light hall: zigbee2mqtt hall",
        "light: when appeared: turn hall on, off after 60 s",
        f"{rules}: 1 rule; times are Europe/Berlin",
    ]
    rules.write_text("rules:\n  - x\n", encoding="utf-8")
    said = refused("iot_bridge", tmp_path, command=["-m", "iot_bridge", "check", str(rules)])
    assert said == f"facewire: {rules}:2:5: expected a rule, found 'x'"
    assert subprocess.run([*command, "more"], env=env, capture_output=True, timeout=HUNG_S).returncode == 2


def test_check_finds_nothing_wrong_with_what_is_shipped(tmp_path: Path) -> None:
    shipped = {name: str(ROOT / "config" / f"{name}.yaml") for name in ("rules", "cameras")}
    env = environment(tmp_path, RULES_FILE=shipped["rules"], CAMERAS_FILE=shipped["cameras"])
    command = [sys.executable, "-m", "iot_bridge", "check"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HUNG_S)
    assert (done.returncode, done.stdout) == (0, f"{shipped['rules']}: 0 rules; times are this host's\n")


# ---- webhooks


@dataclass(slots=True)
class WebServer:
    """A web server that answers as a test wants it to, and keeps what it was asked."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    """Status codes of the next requests; then 200. A negative one is kept waiting for so many seconds."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def url(self, path: str = "/hook?token=s3cr3t-passw0rd") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for _, _, body in list(self.got)]


@contextmanager
def web_server() -> Iterator[WebServer]:
    told, over = WebServer(), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append((self.path, dict(self.headers), body))
            status = told.answers.pop(0) if told.answers else 200
            if status < 0:
                over.wait(-status)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", told.url("/elsewhere"))
            self.send_header("Content-Length", "10000000")
            self.end_headers()
            # More than anybody should read.
            self.wfile.write(b"x" * 1000)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def hook(server: WebServer, more: str = "") -> str:
    return f'webhook: {{url: "{server.url()}"{more}}}'


def test_a_webhook_is_called_signed_and_again_until_it_is_heard(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    key = "key-" + SECRET
    with web_server() as server:
        server.answers = [503, 429]
        rules.write_text("rules:\n" + rule("call", hook(server, ", secret_env: WEBHOOK_KEY")), encoding="utf-8")
        told = {"RULES_FILE": str(rules), "WEBHOOK_KEY": key}
        with bridging(tmp_path, bus_url, store_url, broker_port, **told):
            happened = happens(store, 1)
            wait_for(lambda: len(server.got) == 3, what="three tries")
            wait_for(lambda: acknowledged(store, WEBHOOKS), what="the acknowledgement")
        path, headers, body = server.got[-1]
        assert path == "/hook?token=s3cr3t-passw0rd"
        fields_told = json.loads(body)
        assert (fields_told["id"], fields_told["event_type"], fields_told["rule"]) == (happened.id, "appeared", "call")
        assert {headers["Idempotency-Key"] for _, headers, _ in server.got} == {f"{happened.id}:call:0"}
        at, _, code = headers["X-Facewire-Signature"].removeprefix("t=").partition(",v1=")
        assert hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest() == code
        assert abs(time.time() - int(at)) < 30
        assert headers["Content-Type"] == "application/json"


def test_what_will_never_be_heard_is_given_up_and_said_without_its_address(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    metrics_port = free_port()
    with web_server() as server:
        server.answers = [404, 301, 500, 500]
        rules.write_text("rules:\n" + rule("call", hook(server, ", retries: 1")), encoding="utf-8")
        told = {"RULES_FILE": str(rules), "METRICS_PORT": str(metrics_port)}
        with bridging(tmp_path, bus_url, store_url, broker_port, **told):
            # Not found, moved elsewhere, and broken twice.
            for number in (1, 2, 3):
                happens(store, number)
                wait_for(lambda: acknowledged(store, WEBHOOKS), what="the end")
            assert 'dropped_total{reason="webhook"} 3.0' in metrics(metrics_port)
        assert [path for path, _, _ in server.got] == ["/hook?token=s3cr3t-passw0rd"] * 4
        said = _log(tmp_path)
        assert "status 404" in said
        assert f'"server": "127.0.0.1:{server.port}"' in said
        assert "/hook" not in said


def test_a_server_that_never_answers_holds_up_no_other_and_no_light(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    with web_server() as slow, web_server() as quick, listening(broker_port) as home:
        slow.answers = [-round(HUNG_S)] * 50
        text = HEAD + rule("slow", hook(slow, ", timeout_s: 3, retries: 0")) + rule("quick", hook(quick))
        rules.write_text(text + rule("light", on(60)), encoding="utf-8")
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            bridge.wait_until_healthy()
            ids = [happens(store, number).id for number in range(1, 6)]
            wait_for(lambda: quick.ids() == ids, "the quick one")
            wait_for(lambda: len(home.payloads(LAMP)) == 5, "the light")
            assert len(slow.got) < 5, "the slow one still hangs on those before"
            # Each is given up after its time, in order.
            wait_for(lambda: acknowledged(store, WEBHOOKS), "all to be given up")
            assert slow.ids() == ids


def test_a_call_that_was_broken_off_comes_again_after_a_restart(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    with web_server() as server:
        server.answers = [-round(HUNG_S)]
        rules.write_text("rules:\n" + rule("call", hook(server, ", timeout_s: 30")), encoding="utf-8")
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            happened = happens(store, 1)
            wait_for(lambda: len(server.got) == 1, what="the call")
            # In less time than the server is given to answer.
            bridge.stop()
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)):
            wait_for(lambda: acknowledged(store, WEBHOOKS), what="the second call")
        assert server.ids() == [happened.id] * 2
