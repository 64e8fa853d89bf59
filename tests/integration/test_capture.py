"""Capture with a real bus and real video files: at which pace, under which numbers, and until when."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from facewire.messages import Frame
from facewire.pixels import picture
from tests.integration.filming import FILE_FPS, FILE_FRAMES, capturing, follow, newest
from tests.servers import free_port, redis_server, wait_for


def test_a_file_plays_in_real_time_over_and_over_without_a_gap(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus = connect(bus_url)
    with capturing(tmp_path, bus_url, CAMERA=str(video)) as capture:
        wait_for(lambda: newest(bus) > 0, "the first frame")
        # On a busy host frames are late and left out; sooner or later it has a second for this.
        wait_for(lambda: is_ramp_in_real_time(follow(bus, 2 * FILE_FRAMES)), "the file, twice in real time")
        (frame,) = follow(bus, 1)
        assert capture.healthy()
        stream: Any = bus.xinfo_stream(keys.FRAMES.key("camera"))

    assert stream["last-generated-id"] == f"{stream['entries-added']}-0".encode()
    assert (frame.width, frame.height, frame.encoding) == (320, 240, "bgr24")


def is_ramp_in_real_time(frames: list[Frame]) -> bool:
    """Say whether frames were played in real time: each ten lighter, and from the last straight back to the first."""
    steps_ms = np.diff([frame.captured_ns for frame in frames]) / 1e6
    steps = np.diff([picture(frame).mean() for frame in frames])
    return bool(
        abs(np.median(steps_ms) - 1000 / FILE_FPS) < 2
        and abs(sum(steps_ms) - 1000 / FILE_FPS * len(steps_ms)) < 100
        and np.mean((abs(steps - 10) < 4) | (steps < -150)) > 0.9
    )


def test_numbers_go_on_from_the_newest_frame_and_past_somebody_elses(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus = connect(bus_url)

    def put(seq: int) -> None:
        frame = Frame("camera", seq, time.time_ns(), 1, 1, "gray8", b"\x00")
        fields: Any = {keys.FIELD: encode(frame)}
        bus.xadd(keys.FRAMES.key("camera"), fields, id=f"{seq}-0")

    put(5000)
    # Few frames a second: the bus keeps the first one for some time.
    with capturing(tmp_path, bus_url, CAMERA=str(video), FRAME_FPS="10"):
        assert follow(bus, 3, after="5000-0")[0].seq == 5001
        put(9000)
        assert [frame.seq for frame in follow(bus, 3, after="9000-0")] == [9001, 9002, 9003]


def test_wide_frames_are_made_narrower_and_fast_ones_fewer(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus = connect(bus_url)
    with capturing(
        tmp_path, bus_url, CAMERAS=f"door={video},hall={video}", FRAME_WIDTH="160", FRAME_FPS="10"
    ) as capture:
        wait_for(lambda: min(newest(bus, "door"), newest(bus, "hall")) > 0, "both cameras")
        wait_for(lambda: is_ten_a_second(follow(bus, 12, "door")), "ten frames a second")
        (frame,) = follow(bus, 1, "door")
        wait_for(lambda: "@10" in capture.notes().get("hall", ""), "the note")
        names: Any = bus.zrange(keys.CAMERAS, 0, -1)
        assert set(names) == {b"door", b"hall"}
        wait_for(lambda: capture.notes()["door"].endswith("ramp.mp4 160x120@10"), "the other note")

    assert (frame.width, frame.height) == (160, 120)


def is_ten_a_second(frames: list[Frame]) -> bool:
    return bool(abs(np.median(np.diff([frame.captured_ns for frame in frames])) - 1e8) < 1e7)


def test_a_file_that_shall_not_loop_ends_and_that_is_no_trouble(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus = connect(bus_url)
    told = {"CAMERA": str(video), "LOOP": "false", "METRICS_PORT": str(free_port())}
    with capturing(tmp_path, bus_url, **told) as capture:
        wait_for(lambda: capture.notes().get("camera", "").endswith("ended"), "the end")
        # On a busy host some are left out.
        assert newest(bus) + capture.counted("dropped", reason="late") >= FILE_FRAMES - 2
        at_end = newest(bus)
        time.sleep(1)
        assert newest(bus) == at_end
        assert capture.healthy()


def test_capture_goes_on_when_the_bus_goes_and_comes(tmp_path: Path, video: Path) -> None:
    port, folder = free_port(), tmp_path / "bus"
    folder.mkdir()
    url = f"redis://127.0.0.1:{port}/0"
    with capturing(tmp_path, url, CAMERA=str(video)) as capture:
        wait_for(lambda: "Redis 'bus'" in capture.says(), "the missing bus to be noticed")
        with redis_server(folder, port=port):
            wait_for(lambda: newest(connect(url)) > 10 and capture.healthy(), "frames")
        wait_for(lambda: not capture.healthy(), "the lost bus to be noticed")
        with redis_server(folder, port=port):
            wait_for(lambda: newest(connect(url)) > 10 and capture.healthy(), "frames again")
