"""Viewers share one reading, and each has a place only as long as pictures are taken."""

from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis

from facewire.link import connect
from tests.integration.web_process import Camera, Web, ask, camera, web
from tests.servers import wait_for

ENCODED = 'stage_seconds_count{stage="encode"}'


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
