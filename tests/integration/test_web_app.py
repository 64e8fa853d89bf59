"""The dashboard's interfaces over a real Redis, without a server around them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from web.app import SERVICES, create_app
from web.live import LiveView
from web.settings import WebSettings

from facewire import clock, keys
from facewire.controls import Controls
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.messages import Frame, Message, Person, Tracks
from facewire.metrics import Metrics
from facewire.shapes import Area, Layout, Line
from facewire.streams import Intake, Publisher, announce
from tests.servers import HUNG_S, wait_for
from tests.unit.messages import CROSSED, DECISION, EVENT, LEFT_ZONE, TRACK

# A stream that should end and does not would else be read for a quarter of an hour.
pytestmark = pytest.mark.timeout(HUNG_S)

NOWHERE = "redis://127.0.0.1:9/0"
SNAPSHOT = b"\xff\xd8 a face \xff\xd9"

SQUARE = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))
LAYOUTS = {
    "door": Layout((Area("porch", SQUARE),), (Line("sill", ((0.5, 0.0), (0.5, 1.0))),), (Area("window", SQUARE),))
}

Make = Callable[[str], Link]


@pytest.fixture
def make_link(heartbeat: Heartbeat, metrics: Metrics) -> Make:
    """Makes links."""
    return lambda url: Link(connect(url), "bus", heartbeat, metrics)


@pytest.fixture
def live(bus_url: str, make_link: Make, intake: Intake, metrics: Metrics) -> Iterator[LiveView]:
    """A view with one place."""
    made = LiveView(lambda: make_link(bus_url), intake, metrics, fps=60, max_viewers=1)
    yield made
    made.close()


@pytest.fixture
def client(bus: Link, live: LiveView, metrics: Metrics) -> FlaskClient:
    """A browser on this machine; one Redis is both bus and store."""
    return create_app(WebSettings(), bus, bus, live, metrics, lambda: LAYOUTS, Controls).test_client()


@pytest.fixture
def lost(make_link: Make, live: LiveView, metrics: Metrics) -> FlaskClient:
    """A browser on this machine, while neither bus nor store is there."""
    return create_app(
        WebSettings(), make_link(NOWHERE), make_link(NOWHERE), live, metrics, lambda: LAYOUTS, Controls
    ).test_client()


def put(bus: Link, stream: keys.Stream, *messages: Message) -> None:
    publisher = Publisher(bus, stream, Metrics("test"))
    for message in messages:
        assert publisher.publish(message)


def pulse(folder: Path, bus_url: str, service: str, *, waiting: str = "", instance: str = "1") -> None:
    """Beat once, as a service would."""
    heartbeat = Heartbeat(service, folder, Metrics(service), connect(bus_url), instance=instance, watchdog_s=None)
    heartbeat.note("camera", "film")
    heartbeat.ready()
    if waiting:
        heartbeat.waiting("broker", waiting)


def services(client: FlaskClient) -> dict[str, Any]:
    return {service["service"]: service for service in client.get("/api/health").get_json()["services"]}


def test_services_that_say_nothing_are_listed_as_silent(client: FlaskClient, tmp_path: Path, bus_url: str) -> None:
    pulse(tmp_path, bus_url, "tracker")
    pulse(tmp_path, bus_url, "iot-bridge", waiting="MQTT")
    pulse(tmp_path, bus_url, "somebody-else")
    connect(bus_url).hset("health:detector:1", "healthy", "1")
    told = services(client)
    assert tuple(told) == SERVICES
    assert [name for name, service in told.items() if service["silent"]] == ["capture", "detector", "web"]
    assert [name for name, service in told.items() if service["healthy"]] == ["tracker"]
    assert told["iot-bridge"]["waiting_for"] == "MQTT"
    assert told["tracker"]["notes"] == {"camera": "film"}
    assert not client.get("/api/health").get_json()["healthy"]


def test_all_is_well_only_when_every_instance_is(client: FlaskClient, tmp_path: Path, bus_url: str) -> None:
    for name in SERVICES:
        pulse(tmp_path, bus_url, name)
    assert client.get("/api/health").get_json()["healthy"]
    pulse(tmp_path, bus_url, "detector", instance="2", waiting="a model")
    told = client.get("/api/health").get_json()
    assert [service["instance"] for service in told["services"] if service["service"] == "detector"] == ["1", "2"]
    assert not told["healthy"]


def test_a_heartbeat_that_is_old_is_not_healthy(client: FlaskClient, tmp_path: Path, bus_url: str) -> None:
    pulse(tmp_path, bus_url, "capture")
    connect(bus_url).hset("health:capture:1", "at_s", str(time.time() - 60))
    capture = services(client)["capture"]
    assert not capture["healthy"]
    assert capture["age_s"] == pytest.approx(60, abs=5)
    # A clock that was set back makes no dead service live.
    ages = {"at_s": str(time.time() + 7200), "steady_s": str(clock.steady_s() - 60)}
    connect(bus_url).hset("health:capture:1", mapping=ages)
    assert services(client)["capture"]["silent"]


def test_a_camera_tells_what_is_marked_in_its_picture(client: FlaskClient, lost: FlaskClient) -> None:
    corners = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]
    for browser in (client, lost):
        assert browser.get("/api/cameras/door/layout").get_json() == {
            "zones": [{"name": "porch", "polygon": corners}],
            "lines": [{"name": "sill", "points": [[0.5, 0.0], [0.5, 1.0]], "to_left": "out", "to_right": "in"}],
            "masks": [{"name": "window", "polygon": corners}],
        }
        assert browser.get("/api/cameras/hall/layout").get_json() == {"zones": [], "lines": [], "masks": []}


def test_events_say_where_they_happened(client: FlaskClient, bus: Link) -> None:
    put(bus, keys.EVENTS, LEFT_ZONE, CROSSED)
    crossed, went = events(client)
    assert (crossed["type"], crossed["line"], crossed["direction"]) == ("crossed", "sill", "in")
    assert (went["type"], went["zone"], went["dwell_s"]) == ("left_zone", "porch", 2.5)


def events(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/events{query}")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()["events"]
    return found


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("", 20),
        ("?limit=3", 3),
        ("?limit=1000", 200),
        ("?limit=0", 1),
        ("?limit=-7", 1),
        ("?limit=abc", 20),
        ("?limit=", 20),
        ("?limit=2.5", 20),
        (f"?limit={'9' * 30}", 200),
        (f"?limit={'9' * 5000}", 20),
    ],
)
def test_no_limit_brings_too_many_events_or_an_error(client: FlaskClient, bus: Link, limit: str, count: int) -> None:
    put(bus, keys.EVENTS, *(replace(EVENT, id=f"door-{number}", track_id=number + 1) for number in range(210)))
    found = events(client, limit)
    assert [event["track_id"] for event in found] == list(range(210, 210 - count, -1))


def test_an_event_tells_who_it_was_and_shows_the_snapshot(client: FlaskClient, bus: Link, bus_url: str) -> None:
    put(bus, keys.EVENTS, replace(EVENT, snapshot=SNAPSHOT, identity=Person("Zoë <b>", 0.5)))
    connect(bus_url).xadd(keys.EVENTS.key(), {"m": b"garbage"})
    put(bus, keys.EVENTS, replace(EVENT, type="left", snapshot=None))
    left, appeared = events(client)
    assert (left["type"], left["has_snapshot"], left["identity"]) == ("left", False, None)
    assert (appeared["has_snapshot"], appeared["identity"]["name"]) == (True, "Zoë <b>")
    answer = client.get(f"/events/{appeared['entry_id']}/snapshot.jpg")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, SNAPSHOT, "image/jpeg")
    assert "private" in answer.headers["Cache-Control"]
    assert client.get(f"/events/{left['entry_id']}/snapshot.jpg").status_code == 404


def test_decisions_about_locks_are_listed_with_their_reason_newest_first(
    client: FlaskClient, bus: Link, bus_url: str
) -> None:
    put(bus, keys.AUDIT, DECISION)
    connect(bus_url).xadd(keys.AUDIT.key(), {"m": b"garbage"})
    put(bus, keys.AUDIT, replace(DECISION, verdict="sent", reason="confirmed", person="Zoë <b>", track_id=None))
    answer = client.get("/api/decisions?limit=5")
    assert answer.status_code == 200
    sent, refused = answer.get_json()["decisions"]
    assert (sent["verdict"], sent["reason"], sent["person"], sent["track_id"]) == ("sent", "confirmed", "Zoë <b>", None)
    assert (refused["lock"], refused["verdict"], refused["reason"]) == ("front", "refused", "not_live")
    assert len(client.get("/api/decisions?limit=1").get_json()["decisions"]) == 1


@pytest.mark.parametrize(
    "entry_id",
    [
        *("1-1", "x", "-", "+", "1", "0-0", "1-1-1", "$", "1-*", "*", "-1-1"),
        *("%D9%A1-%D9%A1", "1-1%0A", "%00", "..%2f..%2f"),
        *("99999999999999999999-0", "18446744073709551616-0", "9999999999999999999-9999999999999999999"),
    ],
)
def test_an_id_of_no_event_is_not_found(client: FlaskClient, bus: Link, entry_id: str) -> None:
    put(bus, keys.EVENTS, EVENT)
    assert client.get(f"/events/{entry_id}/snapshot.jpg").status_code == 404


@pytest.mark.parametrize("camera", ["hall", "DOOR", "door*", "%2e%2e", "%00", "%ff", "door%0d%0aX-Evil:1"])
def test_an_unknown_camera_is_not_found(client: FlaskClient, bus: Link, camera: str) -> None:
    announce(bus, "door")
    assert client.get("/api/cameras").get_json() == {"cameras": ["door"], "private": []}
    assert client.get(f"/stream/{camera}.mjpg").status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/health", "/api/cameras", "/api/events", "/api/decisions", "/events/1-1/snapshot.jpg"]
)
def test_while_redis_is_away_it_says_so(lost: FlaskClient, path: str) -> None:
    answer = lost.get(path)
    assert answer.status_code == 503
    assert "Redis" in answer.get_json()["problem"]
    assert lost.get("/").status_code == 200
    assert lost.get("/stream/door.mjpg").status_code == 503


def test_asking_only_for_the_head_of_a_stream_takes_no_place(client: FlaskClient, bus: Link) -> None:
    announce(bus, "door")
    for _ in range(3):
        answer = client.head("/stream/door.mjpg")
        assert answer.status_code == 200
        assert answer.mimetype == "multipart/x-mixed-replace"
        answer.close()


def film(bus: Link, stop: Event) -> None:
    """Publish gray frames with a face each."""
    pixels = bytes([90]) * (64 * 48)
    for seq in range(1, 10_000):
        now_ns = time.time_ns()
        put(bus, keys.FRAMES, Frame("door", seq, now_ns, 64, 48, "gray8", pixels))
        put(bus, keys.TRACKS, Tracks("door", seq, now_ns, (replace(TRACK, id=seq),)))
        if stop.wait(0.03):
            return


@pytest.fixture
def filming(bus: Link, bus_url: str, make_link: Make, stop: Event) -> Iterator[None]:
    """A gray camera that films."""
    announce(bus, "door")
    thread = Thread(target=film, args=(make_link(bus_url), stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def picture(part: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(part.partition(b"\r\n\r\n")[2], np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.usefixtures("filming")
@pytest.mark.parametrize(("query", "coloured"), [("", False), ("?boxes=1", True)])
def test_gray_pictures_stay_gray_until_boxes_are_drawn(client: FlaskClient, query: str, *, coloured: bool) -> None:
    answer = client.get(f"/stream/door.mjpg{query}")
    with closing(answer):
        parts = [part for part in islice(answer.iter_encoded(), 4) if part]
    shown = picture(parts[-1])
    assert (shown.ndim == 3) == coloured
    if coloured:
        assert np.ptp(shown.astype(int), axis=2).max() > 60


@pytest.mark.usefixtures("filming")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unforeseen_error_ends_the_stream_and_the_next_viewer_begins_anew(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("web.mjpeg.about", lambda *_: 1 / 0)
        with closing(client.get("/stream/door.mjpg")) as answer:
            assert b"".join(answer.iter_encoded()) == b""
    wait_for(lambda: "live-door" not in {thread.name for thread in threading.enumerate()}, what="the reading to end")
    with closing(client.get("/stream/door.mjpg")) as answer:
        assert any(b"X-Facewire" in part for part in islice(answer.iter_encoded(), 2))


def test_after_the_end_has_begun_nobody_is_let_in(client: FlaskClient, bus: Link, live: LiveView) -> None:
    announce(bus, "door")
    live.close()
    assert client.get("/stream/door.mjpg").status_code == 503
