"""The dashboard as a process, with a real bus and store: pictures with their tracks, weather, and its end."""

import signal
import socket
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import psutil
import pytest
import redis
from numpy.typing import NDArray

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from facewire.messages import FaceEvent, Track
from tests.e2e.stream import Part
from tests.integration.web_process import NOWHERE, SIZE, Camera, Web, camera, refused, shade, web
from tests.processes import SECRET
from tests.servers import HUNG_S, free_port, redis_server, wait_for

GONE = 'dropped_total{reason="frame_gone"}'
ENCODED = 'stage_seconds_count{stage="encode"}'


@pytest.fixture
def door(tmp_path: Path, bus_url: str) -> Iterator[Camera]:
    """A camera that films."""
    with camera(tmp_path, bus_url) as made:
        yield made


@pytest.fixture
def dashboard(tmp_path: Path, bus_url: str) -> Iterator[Web]:
    """The dashboard with a bus, without a store."""
    with web(tmp_path, bus_url, MAX_VIEWERS="2") as made:
        yield made


def pixels(part: Part) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(part.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8)


def seen(web: Web, camera_name: str = "door") -> bool:
    """Say whether the dashboard knows the camera."""
    return camera_name in web.get("/api/cameras").json().get("cameras", [])


def test_each_part_is_the_picture_of_just_the_frame_that_its_header_speaks_of(dashboard: Web, door: Camera) -> None:
    with closing(dashboard.watch()) as stream:
        got = list(islice(stream, 12))
    seqs = [part.about["seq"] for part in got]
    assert seqs == sorted(set(seqs))
    for part in got:
        published = door.published[part.about["seq"]]
        assert part.about["captured_ns"] == published.captured_ns
        assert msgspec.convert(part.about["tracks"], tuple[Track, ...]) == published.tracks
        assert (part.about["width"], part.about["height"]) == SIZE
        assert pixels(part).shape == (SIZE[1], SIZE[0], 3)
        assert abs(pixels(part).astype(int) - shade(published.seq)).max() <= 3


def test_what_is_marked_follows_the_file_and_a_mistake_changes_nothing(tmp_path: Path, bus_url: str) -> None:
    marked, path = tmp_path / "cameras.yaml", "/api/cameras/door/layout"
    zone = "cameras: {door: {zones: [{name: porch, polygon: [[0, 0], [1, 0], [1, 1]]}]}}\n"
    marked.write_text(zone, encoding="utf-8")
    with web(tmp_path, bus_url, CAMERAS_FILE=str(marked)) as made:

        def names() -> list[str]:
            return [each["name"] for each in made.get(path).json()["zones"]]

        assert names() == ["porch"]
        marked.write_text(zone.replace("porch", "yard"), encoding="utf-8")
        wait_for(lambda: names() == ["yard"], "the edit")
        marked.write_text("cameras: x\n", encoding="utf-8")
        wait_for(lambda: made.metric('errors_total{kind="cameras.yaml"}') == 1, "the mistake")
        assert names() == ["yard"]


@pytest.mark.usefixtures("door")
def test_boxes_are_drawn_only_where_asked_for(dashboard: Web) -> None:
    with closing(dashboard.watch(query="?boxes=1")) as drawn, closing(dashboard.watch(query="?boxes=0")) as plain:
        for part in islice(drawn, 5):
            left, top, right, bottom = (round(side) for side in part.about["tracks"][0]["xyxy"])
            changed = abs(pixels(part).astype(int) - shade(part.about["seq"])).max(axis=2) > 25
            sides = (changed[top:bottom, left], changed[top:bottom, right], changed[bottom, left:right])
            assert min(side.mean() for side in sides) > 0.8
            assert not changed[top + 6 : bottom - 6, left + 6 : right - 6].any()
        for part in islice(plain, 5):
            assert abs(pixels(part).astype(int) - shade(part.about["seq"])).max() <= 3


def readers(bus: redis.Redis) -> int:
    """Count the connections on which somebody reads a stream."""
    clients: Any = bus.client_list()
    return sum(client["cmd"] in {"xread", "xrange", "xrevrange"} for client in clients)


def test_viewers_share_one_reading_which_ends_with_the_last(dashboard: Web, door: Camera, bus_url: str) -> None:
    bus = connect(bus_url)
    before = readers(bus)
    with closing(dashboard.watch()) as first, closing(dashboard.watch()) as second:
        next(first), next(second)
        alone = dashboard.metric(ENCODED), door.seq
        got = [{part.about["seq"] for part in islice(stream, 20)} for stream in (first, second)]
        encoded, filmed = dashboard.metric(ENCODED) - alone[0], door.seq - alone[1]
        assert readers(bus) == before + 1
        assert got[0] & got[1]
        assert encoded <= filmed + 2
    wait_for(lambda: readers(bus) == before, "the reading to end")
    encoded, filmed = dashboard.metric(ENCODED), door.seq
    wait_for(lambda: door.seq > filmed + 10, "more frames")
    assert dashboard.metric(ENCODED) == encoded
    assert dashboard.answers("/api/cameras")


@pytest.mark.usefixtures("door")
def test_one_viewer_too_many_is_told_so_and_let_in_when_another_leaves(dashboard: Web) -> None:
    first, second = dashboard.watch(), dashboard.watch()
    next(first), next(second)
    refusal = dashboard.get("/stream/door.mjpg")
    assert refusal.status == 503
    assert b"MAX_VIEWERS" in refusal.body
    assert dashboard.answers("/api/cameras")
    assert next(first).about["seq"] < next(islice(first, 5, None)).about["seq"]
    second.close()
    wait_for(lambda: lets_in(dashboard), "the place")
    first.close()


def ask(web: Web, path: str) -> socket.socket:
    """Ask for a stream on a connection that takes little before it is read."""
    line = socket.socket()
    line.settimeout(HUNG_S)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.connect(("127.0.0.1", web.port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return line


def lets_in(web: Web) -> bool:
    with ask(web, "/stream/door.mjpg") as line:
        return line.recv(16).startswith(b"HTTP/1.1 200")


def test_who_leaves_a_camera_that_sends_no_pictures_gives_the_place_back(tmp_path: Path, bus_url: str) -> None:
    bus = connect(bus_url)
    with camera(tmp_path, bus_url, "dark", running=False), web(tmp_path, bus_url, MAX_VIEWERS="1") as dashboard:
        with ask(dashboard, "/stream/dark.mjpg"):
            wait_for(lambda: readers(bus) == 1, what="the reading")
            assert dashboard.get("/stream/dark.mjpg").status == 503
        wait_for(lambda: readers(bus) == 0, "the place")


@pytest.mark.usefixtures("door")
def test_a_viewer_who_takes_no_pictures_loses_the_place(dashboard: Web, bus_url: str) -> None:
    bus = connect(bus_url)
    with ask(dashboard, "/stream/door.mjpg"):
        wait_for(lambda: readers(bus) == 1, "the reading")
        wait_for(lambda: readers(bus) == 0, "the place to be given up")
    assert dashboard.answers("/api/cameras")


def test_a_frame_that_is_gone_is_counted_and_the_stream_goes_on(dashboard: Web, door: Camera) -> None:
    with closing(dashboard.watch()) as stream:
        next(stream)
        wait_for(lambda: door.seq > keys.FRAMES.maxlen + 1, what="the first frame to be trimmed away")
        # A busy host may have missed some already.
        before = dashboard.metric(GONE)

        def counted() -> bool:
            # Tracks that come between two due pictures are passed over, so once may not be enough.
            door.track(1)
            return dashboard.metric(GONE) > before

        wait_for(counted, what="the count")
        now = door.seq
        assert next(part for part in stream if part.about["seq"] > now).about["seq"] in door.published


def test_the_stream_goes_on_when_the_bus_is_restarted(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "bus"
    folder.mkdir()
    url = f"redis://127.0.0.1:{port}/0"
    with camera(tmp_path, url) as door, web(tmp_path, url) as dashboard:
        with redis_server(folder, port=port):
            wait_for(lambda: seen(dashboard), what="the camera")
            stream = dashboard.watch()
            assert next(stream).about["seq"] > 0
        wait_for(lambda: "Redis 'bus'" in dashboard.verdict()[1], what="the lost bus to be noticed")
        lost = door.seq
        with redis_server(folder, port=port), closing(stream):
            part = next(part for part in stream if part.about["seq"] > lost)
            assert abs(pixels(part).astype(int) - shade(part.about["seq"])).max() <= 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_time_and_cleans_up_while_somebody_watches(
    tmp_path: Path, dashboard: Web, bus_url: str, number: int
) -> None:
    with camera(tmp_path, bus_url, noisy=True), closing(dashboard.watch()) as stream:
        assert next(stream)
        with ask(dashboard, "/stream/door.mjpg"):
            # Far more than lies in a connection's buffers, so that sending to whoever reads nothing is stuck.
            wait_for(lambda: dashboard.metric("handled_total") > 20, what="pictures")
            dashboard.end(number)
    assert list(dashboard.run_dir.iterdir()) == []
    assert '"stopped"' in dashboard.log.read_text(encoding="utf-8")


def test_a_worker_that_is_killed_is_replaced(dashboard: Web, door: Camera) -> None:
    (killed,) = dashboard.workers()
    killed.kill()
    wait_for(lambda: bool(dashboard.workers() - {killed}) and dashboard.answers("/api/cameras"), "another worker")
    with closing(dashboard.watch()) as stream:
        assert next(stream).about["seq"] in door.published


def test_a_bus_that_is_away_at_start_is_waited_for_and_told(tmp_path: Path) -> None:
    with web(tmp_path, NOWHERE) as dashboard:
        wait_for(lambda: "Redis 'bus'" in dashboard.verdict()[1], what="the missing bus to be noticed")
        check = [sys.executable, "-m", "facewire.health", "web", str(dashboard.run_dir)]
        done = subprocess.run(check, capture_output=True, text=True, timeout=HUNG_S)
        assert done.returncode == 1
        assert done.stdout.startswith("web: waiting for ")
        assert "Redis 'bus'" in done.stdout
        assert dashboard.answers("/healthz")
        assert dashboard.answers("/")
        for path in ("/api/health", "/api/cameras", "/stream/door.mjpg"):
            answer = dashboard.get(path)
            assert (answer.status, set(answer.json())) == (503, {"problem"})


def test_a_store_that_goes_and_comes_is_told_without_a_visitor_and_keeps_snapshots(
    tmp_path: Path, bus_url: str
) -> None:
    port, folder, snapshot = free_port(), tmp_path / "store", b"\xff\xd8" + bytes(range(256)) * 40 + b"\xff\xd9"
    folder.mkdir()
    url = f"redis://127.0.0.1:{port}/0"
    with web(tmp_path, bus_url, url) as dashboard:
        wait_for(lambda: "Redis 'store'" in dashboard.verdict()[1], what="the missing store to be noticed")
        assert dashboard.get("/api/events").status == 503
        for _ in range(2):
            with redis_server(folder, port=port, append_only=True):
                wait_for(dashboard.healthy, what="the store to be found")
                store_event(url, snapshot)
                (event, *_) = dashboard.get("/api/events?limit=1").json()["events"]
                answer = dashboard.get(f"/events/{event['entry_id']}/snapshot.jpg")
                assert (answer.status, answer.body) == (200, snapshot)
                assert answer.headers["Content-Type"] == "image/jpeg"
            wait_for(lambda: "Redis 'store'" in dashboard.verdict()[1], what="the lost store to be noticed")


def store_event(url: str, snapshot: bytes) -> None:
    fields: Any = {keys.FIELD: encode(FaceEvent("door-3-appeared", "appeared", "door", 3, None, 1, 2, snapshot))}
    connect(url).xadd(keys.EVENTS.key(), fields)


def test_the_password_lets_in_and_is_shown_nowhere(tmp_path: Path, bus_url: str) -> None:
    with web(tmp_path, bus_url, WEB_PASSWORD=SECRET) as dashboard:
        assert dashboard.get("/").status == 401
        login = b64encode(f"facewire:{SECRET}".encode()).decode()
        request = urllib.request.Request(dashboard.url("/"), headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=HUNG_S) as answer:
            assert answer.status == 200
        family = {psutil.Process(dashboard.process.pid), *dashboard.workers()}
        assert len(family) == 2
        assert not any(SECRET in " ".join(member.cmdline()) for member in family)
    assert SECRET not in dashboard.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["WEB_PORT", "METRICS_PORT"])
def test_a_port_in_use_is_refused(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(tmp_path, **{name: str(port)})
    assert line.startswith(f"facewire: {name}: ")
    assert f"for example {name}={port + 1}" in line


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "a..b"])
def test_an_address_that_this_machine_does_not_have_is_refused(tmp_path: Path, address: str) -> None:
    line = refused(tmp_path, WEB_HOST=address, WEB_PASSWORD="a long sentence")
    assert line.strip() == "facewire: WEB_HOST: is no address of this machine; for example WEB_HOST=127.0.0.1"


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path, RUN_DIR=str(tmp_path / "file" / "run")).startswith("facewire: RUN_DIR: ")


def test_a_dashboard_for_others_without_a_password_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, WEB_HOST="0.0.0.0").startswith("facewire: WEB_PASSWORD: ")
