"""Webhooks as rules call them: a real web server that hears, refuses, hangs, or goes away."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from iot_bridge.webhooks import QUEUE_LIMIT

from tests.integration.bridge import Store, bridging, listening, metrics
from tests.integration.rules import HEAD, LAMP, acknowledged, bridge_log, happens, on, rule
from tests.integration.test_http_post import dripping, server
from tests.processes import SECRET
from tests.servers import HUNG_S, free_port, wait_for

WEBHOOKS = "iot-bridge-webhooks"


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
        said = bridge_log(tmp_path)
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


def test_a_server_that_drips_its_answer_stops_no_other_however_many_calls_wait(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    metrics_port = free_port()
    with server(dripping(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)) as drip, web_server() as quick:
        slow = f'webhook: {{url: "http://127.0.0.1:{drip}/", timeout_s: 1, retries: 0}}'
        rules.write_text("rules:\n" + rule("slow", slow) + rule("quick", hook(quick)), encoding="utf-8")
        told = {"RULES_FILE": str(rules), "METRICS_PORT": str(metrics_port)}
        with bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
            bridge.wait_until_healthy()
            # More than may wait for one server.
            ids = [happens(store, number).id for number in range(1, QUEUE_LIMIT + 50)]
            wait_for(lambda: quick.ids() == ids, "all calls of the quick one")
            assert 'dropped_total{reason="webhook_no_room"}' in metrics(metrics_port)
            bridge.kill()
        # What was left undone holds up nobody either.
        (tmp_path / "run" / "iot-bridge.json").unlink()
        quick.got.clear()
        with bridging(tmp_path, bus_url, store_url, broker_port, **told):
            newest = happens(store, 1000).id
            wait_for(lambda: newest in quick.ids(), "a new call after the restart")


def test_an_event_of_an_hour_ago_calls_no_webhook_and_is_published_for_the_record(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    metrics_port = free_port()
    with web_server() as server, listening(broker_port) as home:
        say = "publish: {topic: home/door, payload: '{id}'}"
        patient = rule("patient", hook(server)).replace("    when", "    max_age_s: 86400\n    when")
        rules.write_text("rules:\n" + rule("call", hook(server)) + rule("say", say) + patient, encoding="utf-8")
        # The bridge was down, and the clock ahead.
        old, ahead = happens(store, 1, age_s=3600), happens(store, 2, age_s=-7200)
        told = {"RULES_FILE": str(rules), "METRICS_PORT": str(metrics_port)}
        with bridging(tmp_path, bus_url, store_url, broker_port, **told):
            new = happens(store, 3)
            wait_for(lambda: acknowledged(store, WEBHOOKS), "the calls")
            wait_for(lambda: acknowledged(store, "iot-bridge"), "the events")
            home.wait("home/door", new.id.encode())
            assert home.payloads("home/door") == [new.id.encode()]
            assert home.event_ids() == [old.id, ahead.id, new.id]
            called = [(json.loads(body)["rule"], json.loads(body)["id"]) for _, _, body in server.got]
            assert sorted(called) == [("call", new.id), ("patient", old.id), ("patient", new.id)]
            said = metrics(metrics_port)
            assert 'dropped_total{reason="late_webhook"} 3.0' in said
            assert 'dropped_total{reason="late_publish"} 2.0' in said
        assert "a webhook was not called: its event is too old" in bridge_log(tmp_path)


def test_a_call_is_given_up_once_its_event_is_too_old(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    with web_server() as server:
        server.answers = [503] * 20
        impatient = rule("call", hook(server, ", retries: 10")).replace("    when", "    max_age_s: 2\n    when")
        rules.write_text("rules:\n" + impatient, encoding="utf-8")
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)):
            happens(store, 1)
            wait_for(lambda: acknowledged(store, WEBHOOKS), "the end")
        # At 0, 0.5, and 1.5 s; the next would be after 3.5 s.
        assert 2 <= len(server.got) <= 3
