"""The dashboard as a process, with a real bus: pictures with their tracks, what is drawn in them, and its end."""

import signal
from contextlib import closing
from itertools import islice
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from facewire import keys
from facewire.messages import Track
from tests.e2e.stream import Part
from tests.integration.web_process import SIZE, Camera, Web, ask, camera, shade, web
from tests.servers import free_port, redis_server, wait_for

GONE = 'dropped_total{reason="frame_gone"}'


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
