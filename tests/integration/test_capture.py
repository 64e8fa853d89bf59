"""Capture with a real bus, real video files and a real MJPEG camera that comes and goes."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis

from facewire import keys
from facewire.codec import decode, encode
from facewire.link import connect
from facewire.messages import Frame
from facewire.pixels import picture
from tests.integration.door import entries
from tests.processes import SECRET, Running, refused, service
from tests.servers import free_port, redis_server, wait_for

FILE_FPS = 30
FILE_FRAMES = 20


def capturing(folder: Path, bus_url: str, **settings: str) -> AbstractContextManager[Running]:
    return service("capture", folder, BUS_URL=bus_url, **settings)


def newest(bus: redis.Redis, camera: str = "camera") -> int:
    entries: Any = bus.xrevrange(keys.FRAMES.key(camera), count=1)
    return int(entries[0][0].partition(b"-")[0]) if entries else 0


def follow(bus: redis.Redis, count: int, camera: str = "camera", after: str = "$") -> list[Frame]:
    """Return the next frames, one by one as they come."""
    frames: list[Frame] = []
    while len(frames) < count:
        for entry_id, fields in entries(bus, keys.FRAMES.key(camera), after, f"a frame after {len(frames)}"):
            after = entry_id
            frames.append(decode(fields[keys.FIELD], Frame))
    return frames[:count]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thirds of a second, each frame a little lighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "ramp.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILE_FPS, (320, 240))
    for index in range(FILE_FRAMES):
        writer.write(np.full((240, 320, 3), 20 + 10 * index, np.uint8))
    writer.release()
    return path


class MjpegCamera:
    """A camera that serves MJPEG over HTTP, and can die, come back, or fall silent with the line open."""

    def __init__(self) -> None:
        self.port = free_port()
        self.silent = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._off = threading.Event()

    @property
    def url(self) -> str:
        return f"http://user:{SECRET}@127.0.0.1:{self.port}/video.mjpg"

    def start(self) -> None:
        jpeg = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
        off, silent = threading.Event(), self.silent

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while not off.wait(0.05):
                        if not silent.is_set():
                            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                            self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._off = off
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._off.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def mjpeg() -> Iterator[MjpegCamera]:
    """A camera that is off."""
    camera = MjpegCamera()
    yield camera
    camera.stop()


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


def test_no_masked_pixel_leaves_capture(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus, marked = connect(bus_url), tmp_path / "cameras.yaml"
    mask = "{name: window, polygon: [[0.25, 0], [0.75, 0], [0.75, 0.5], [0.25, 0.5]]}"
    marked.write_text(f"cameras:\n  door: {{masks: [{mask}]}}\n  dor: {{masks: [{mask}]}}\n", encoding="utf-8")
    cameras = f"door={video},hall={video}"
    with capturing(
        tmp_path, bus_url, CAMERAS=cameras, FRAME_WIDTH="160", CAMERAS_FILE=str(marked), FRAME_FPS="10"
    ) as capture:
        masked, whole = follow(bus, 8, "door", after="0"), follow(bus, 8, "hall", after="0")
        wait_for(lambda: "not captured here: dor" in capture.notes().get("cameras.yaml", ""), "the warning")
    assert masked[0].seq == 1
    for frame in masked:
        assert not picture(frame)[:60, 40:120].any()
        # The rim of one pixel is black too; every pixel of the file is lighter than 10.
        assert (picture(frame)[62:] > 10).all()
        assert (picture(frame)[:, :38] > 10).all()
        assert (picture(frame)[:, 122:] > 10).all()
    assert all((picture(frame) > 10).all() for frame in whole)


def mask(name: str, left: float, right: float) -> str:
    return f"{{name: {name}, polygon: [[{left}, 0], [{right}, 0], [{right}, 1], [{left}, 1]]}}"


def bare(bus: redis.Redis, columns: slice) -> list[int]:
    """Return which frames on the bus show something in these columns."""
    entries: Any = bus.xrange(keys.FRAMES.key("door"))
    frames = [decode(fields[keys.FIELD], Frame) for _, fields in entries]
    return [frame.seq for frame in frames if picture(frame)[:, columns].any()]


def test_a_mask_that_is_added_is_obeyed_while_it_runs_and_no_mistake_takes_it_away(
    tmp_path: Path, bus_url: str, video: Path
) -> None:
    bus, marked = connect(bus_url), tmp_path / "cameras.yaml"
    left, right = mask("left", 0, 0.25), mask("right", 0.75, 1)
    # The rim of two pixels aside.
    first, last = slice(0, 40), slice(120, 160)
    marked.write_text(f"cameras:\n  door:\n    masks: [{left}]\n", encoding="utf-8")
    told = {"CAMERAS": f"door={video}", "CAMERAS_FILE": str(marked), "FRAME_WIDTH": "160", "FRAME_FPS": "10"}
    with capturing(tmp_path, bus_url, METRICS_PORT=str(free_port()), **told) as capture:
        wait_for(lambda: len(bare(bus, last)) > 10, "frames")
        assert bare(bus, first) == []
        both = f"cameras:\n  door:\n    masks: [{left}, {right}]\n"
        new = marked.with_suffix(".new")
        new.write_text(both, encoding="utf-8")
        new.replace(marked)
        # The frames of before, three seconds of them, are gone too.
        wait_for(lambda: bare(bus, last) == [] and newest(bus, "door") > 0, "the mask, in all frames")
        since = newest(bus, "door")
        wait_for(lambda: capture.output().count("door: mask right new") == 1, "the log")
        for index, text in enumerate(("", "cameras:\n  door:\n    masks: [{", both.replace("masks", "mask"), None)):
            marked.unlink() if text is None else marked.write_text(text, encoding="utf-8")
            wait_for(lambda index=index: capture.counted("errors", kind="cameras.yaml") == index + 1, "the mistake")  # type: ignore[misc]
        wait_for(lambda: "as before, since" in capture.notes().get("cameras.yaml", ""), "the note")
        mistake = f"{marked}:3:5: expected one of zones, lines, masks, found 'mask'"
        wait_for(lambda: mistake in capture.output(), "the log")
        assert bare(bus, last) == []
        assert bare(bus, first) == []
        assert capture.healthy()
        frames = follow(bus, 5, "door")
        assert frames[0].seq > since
        assert not any(picture(frame)[:, last].any() for frame in frames)
        marked.write_text("cameras:\n", encoding="utf-8")
        wait_for(lambda: len(bare(bus, last)) > 3, "the masks to be gone")
        assert capture.counted("errors") == 4


def test_frames_of_before_are_taken_back_though_the_camera_has_ended_or_capture_was_down(
    tmp_path: Path, bus_url: str, video: Path
) -> None:
    bus, marked = connect(bus_url), tmp_path / "cameras.yaml"
    everything = mask("all", 0, 1)
    marked.write_text("cameras:\n", encoding="utf-8")
    told = {"CAMERAS": f"door={video}", "CAMERAS_FILE": str(marked), "LOOP": "false"}
    with capturing(tmp_path, bus_url, **told) as capture:
        wait_for(lambda: capture.notes().get("door", "").endswith("ended"), "the end")
        assert bare(bus, slice(None))
        marked.write_text(f"cameras:\n  door:\n    masks: [{everything}]\n", encoding="utf-8")
        wait_for(lambda: bus.xlen(keys.FRAMES.key("door")) == 0, "the frames to be taken back")
        marked.write_text("cameras:\n", encoding="utf-8")
        capture.end()
    with capturing(tmp_path, bus_url, **told):
        wait_for(lambda: bool(bare(bus, slice(None))), "frames")
    marked.write_text(f"cameras:\n  door:\n    masks: [{everything}]\n", encoding="utf-8")
    before = newest(bus, "door")
    with capturing(tmp_path, bus_url, **told):
        wait_for(lambda: newest(bus, "door") > before, "the first frame under the mask")
        assert bare(bus, slice(None)) == []


def test_a_mistake_in_what_is_marked_is_refused_with_its_place(tmp_path: Path, video: Path) -> None:
    marked = tmp_path / "cameras.yaml"
    marked.write_text("cameras:\n  door:\n    mask: []\n", encoding="utf-8")
    for name in ("capture", "tracker", "iot_bridge", "web"):
        said = refused(name, tmp_path, CAMERA=str(video), CAMERAS_FILE=str(marked))
        assert said == f"facewire: {marked}:3:5: expected one of zones, lines, masks, found 'mask'"


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


def test_a_camera_that_dies_is_noticed_and_comes_back(tmp_path: Path, bus_url: str, mjpeg: MjpegCamera) -> None:
    bus = connect(bus_url)
    mjpeg.start()
    with capturing(tmp_path, bus_url, CAMERAS=f"door={mjpeg.url}") as capture:
        wait_for(lambda: newest(bus, "door") > 5 and capture.healthy(), "the first frames")
        mjpeg.stop()
        wait_for(lambda: "waiting for camera door (http://127.0.0.1:" in capture.says(), "the loss to be noticed")
        assert not capture.healthy()
        before = newest(bus, "door")
        mjpeg.start()
        assert follow(bus, 1, "door", after=f"{before}-0")[0].seq == before + 1
        wait_for(capture.healthy, "good health")


def test_a_camera_that_falls_silent_is_noticed_and_does_not_hold_up_others_or_the_end(
    tmp_path: Path, bus_url: str, mjpeg: MjpegCamera, video: Path
) -> None:
    bus = connect(bus_url)
    mjpeg.start()
    with capturing(tmp_path, bus_url, CAMERAS=f"door={mjpeg.url},hall={video}") as capture:
        wait_for(lambda: newest(bus, "door") > 5 and capture.healthy(), "the first frames")
        mjpeg.silent.set()
        wait_for(lambda: "camera door" in capture.says(), "the silence to be noticed")
        assert not capture.healthy()
        assert "camera hall" not in capture.says()
        follow(bus, 5, "hall")


def test_a_camera_out_of_reach_at_start_is_waited_for(tmp_path: Path, bus_url: str, mjpeg: MjpegCamera) -> None:
    bus = connect(bus_url)
    with capturing(tmp_path, bus_url, CAMERA=mjpeg.url) as capture:
        wait_for(lambda: "cannot be opened" in capture.says(), "the complaint")
        assert SECRET not in capture.says()
        mjpeg.start()
        wait_for(lambda: newest(bus) > 0 and capture.healthy(), "the camera")


def test_capture_ends_in_time_while_a_camera_accepts_and_never_answers(tmp_path: Path, bus_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"rtsp://user:{SECRET}@127.0.0.1:{mute.getsockname()[1]}/stream"
        with capturing(tmp_path, bus_url, CAMERA=url, CAMERA_TIMEOUT_S="30") as capture, mute.accept()[0] as line:
            assert line.recv(1), "the camera was asked"
            wait_for(lambda: "has sent no picture yet" in capture.says(), "what it waits for")
            capture.end()


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


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 100])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.mp4").write_bytes(content)

    said = refused("capture", tmp_path, CAMERA=str(tmp_path / "notes.mp4"))

    assert "notes.mp4 is no video that can be played" in said


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "camera door: there is no file /nowhere/x.mp4" in refused("capture", tmp_path, CAMERAS="door=/nowhere/x.mp4")


def test_a_missing_demo_clip_is_answered_with_how_to_make_it(tmp_path: Path) -> None:
    said = refused("capture", tmp_path, DEMO_DIR=str(tmp_path))

    assert f"run `python -m capture compose-demo PHOTOS {tmp_path}`" in said


def test_composing_without_photos_is_refused(tmp_path: Path) -> None:
    arguments = ("-m", "capture", "compose-demo", str(tmp_path), str(tmp_path / "demo"))

    assert refused("capture", tmp_path, command=arguments).startswith("facewire: missing photo ")
