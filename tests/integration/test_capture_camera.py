"""Capture with a real MJPEG camera that dies, falls silent, comes back, or never answers."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewire.link import connect
from tests.integration.filming import capturing, follow, newest
from tests.processes import SECRET
from tests.servers import free_port, wait_for


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
