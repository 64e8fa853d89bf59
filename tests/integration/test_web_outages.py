"""The dashboard while worker, bus or store is away: it says so, answers what it can, and goes on."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from facewire.messages import FaceEvent
from tests.integration.web_process import NOWHERE, Camera, Web, web
from tests.servers import HUNG_S, free_port, redis_server, wait_for


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
