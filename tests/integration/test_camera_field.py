"""Capture as a process with cameras as they are: ones that hang up, lock accounts, turn, or are not there yet."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewire.link import connect
from facewire.pixels import picture
from tests.cameras import Visit, answering, closing, fake_camera, jpeg, rtsp_streaming, streaming
from tests.integration.filming import capturing, follow, newest
from tests.matroska import recorded
from tests.processes import SECRET, Running
from tests.servers import wait_for


def healthy_for(capture: Running, seconds: float) -> list[str]:
    """Return the complaints of so many seconds."""
    complaints, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        if not capture.healthy():
            complaints.append(capture.says())
        time.sleep(0.05)
    return complaints


def test_cameras_that_hang_up_again_and_again_lose_nearly_no_picture(tmp_path: Path, bus_url: str) -> None:
    def refuse_every_second_time(visit: Visit) -> None:
        (answering("500 Not Now") if visit.number % 2 else streaming(pictures=10))(visit)

    still = answering("200 OK", "Content-Type: image/jpeg", body=jpeg(140))
    locked = rtsp_streaming(lasts_s=1.5, challenge='Basic realm="cam"', wanted="Basic dXNlcjpwYXNz")
    bus, seconds = connect(bus_url), 3.0
    with (
        fake_camera(streaming(pictures=20)) as second,
        fake_camera(refuse_every_second_time) as moody,
        fake_camera(streaming(pictures=1, every_s=0)) as brief,
        fake_camera(still) as picture_only,
        fake_camera(locked) as rtsp,
    ):
        least = {"second": 40, "moody": 11, "brief": 3, "still": 3, "rtsp": 30}
        cameras = (
            f"second=http://127.0.0.1:{second.port}/v,moody=http://127.0.0.1:{moody.port}/v,"
            f"brief=http://127.0.0.1:{brief.port}/v,still=http://127.0.0.1:{picture_only.port}/snapshot.jpg,"
            f"rtsp=rtsp://user:pass@127.0.0.1:{rtsp.port}/s"
        )
        with capturing(tmp_path, bus_url, CAMERAS=cameras) as capture:
            wait_for(lambda: min(newest(bus, name) for name in least) > 1 and capture.healthy(), "the first frames")
            before = {name: newest(bus, name) for name in least}
            assert healthy_for(capture, seconds) == []
            taken = {name: newest(bus, name) - before[name] for name in least}
            assert all(taken[name] >= least[name] for name in least), taken
            assert taken["brief"] <= 8
            assert taken["still"] <= 8


def test_a_wrong_password_is_tried_once_and_said_while_other_cameras_go_on(tmp_path: Path, bus_url: str) -> None:
    bus, basic = connect(bus_url), 'Basic realm="cam"'
    locking = rtsp_streaming(challenge=basic, wanted="Basic of somebody else")
    refusing = answering("401 Unauthorized", f"WWW-Authenticate: {basic}")
    with fake_camera(locking) as door, fake_camera(refusing) as hall, fake_camera(rtsp_streaming()) as yard:
        cameras = (
            f"door=rtsp://user:{SECRET}@127.0.0.1:{door.port}/s,hall=http://user:{SECRET}@127.0.0.1:{hall.port}/s,"
            f"yard=rtsp://127.0.0.1:{yard.port}/s"
        )
        with capturing(tmp_path, bus_url, CAMERAS=cameras) as capture:
            wait_for(lambda: newest(bus, "yard") > 5, "the camera that is right")
            wait_for(lambda: capture.says().count("user or password is wrong") == 2, "what is wrong")
            follow(bus, 60, "yard")
            assert "camera yard" not in capture.says()
            assert "correct them in its address" in capture.output()
        for camera in (door, hall):
            assert sum(bool(visit.header("Authorization")) for visit in camera.visits) == 1


def test_what_is_wrong_is_said_for_each_camera_with_what_to_do(tmp_path: Path, bus_url: str) -> None:
    web_page = answering("200 OK", "Content-Type: text/html", body=b"<html>")
    began_s = time.monotonic()
    with fake_camera(web_page) as page, fake_camera(closing) as closes:
        cameras = {
            "closes": (f"http://127.0.0.1:{closes.port}/v", "closes the connection instead of answering"),
            "page": (f"http://user:{SECRET}@127.0.0.1:{page.port}/x", "answers with a page (text/html)"),
            "other": (f"rtsp://user:{SECRET}@127.0.0.1:{page.port}/x", "speaks HTTP on this port, not RTSP"),
            "closed": ("rtsp://127.0.0.1:9/x", "nothing listens on its port 9"),
            "usb": ("/dev/v4l/by-id/usb-facewire_test-video-index0", "there is no such device"),
            "link": ("/dev/facewire-test-door-cam", "there is no such device"),
            "number": ("63", "there is no such device"),
        }
        listed = "\n".join(f"{name} = {address}," for name, (address, _) in cameras.items())
        with capturing(tmp_path, bus_url, CAMERAS=listed) as capture:
            for name, (_, said) in cameras.items():
                wait_for(lambda name=name, said=said: is_said(capture, name, said), f"the reason of {name}")  # type: ignore[misc]
            wait_for(lambda: capture.output().count('"camera lost"') >= len(cameras), "the lines of the log")
        # After 0, 0.5, 1.5, 3.5, 7.5, 15.5 s.
        assert len(closes.visits) <= 3 + (time.monotonic() - began_s) / 4


def is_said(capture: Running, name: str, said: str) -> bool:
    complaints = capture.says().replace("waiting for ", ", ").split(", camera ")
    return any(text.startswith(f"{name} ") and said in text for text in complaints)


def test_video_over_http_is_played_by_ffmpeg(tmp_path: Path, bus_url: str) -> None:
    clip = tmp_path / "live.ts"
    writer = cv2.VideoWriter(str(clip), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    for index in range(60):
        writer.write(np.full((240, 320, 3), 20 + 3 * index, np.uint8))
    writer.release()
    serve = answering("200 OK", "Content-Type: video/mp2t", body=clip.read_bytes())
    bus = connect(bus_url)
    with fake_camera(serve) as camera, capturing(tmp_path, bus_url, CAMERA=f"http://127.0.0.1:{camera.port}/live"):
        wait_for(lambda: newest(bus) > 3, "its pictures")
        assert follow(bus, 1, after="0")[0].width == 320


def test_a_camera_that_turns_keeps_its_proportions_and_its_masks(tmp_path: Path, bus_url: str) -> None:
    marked = tmp_path / "cameras.yaml"
    marked.write_text(
        "cameras:\n  door:\n    masks:\n      - {name: left, polygon: [[0, 0], [.25, 0], [.25, 1], [0, 1]]}\n"
    )
    turned = threading.Event()
    bus = connect(bus_url)
    images = {is_turned: disc(480, 640) if is_turned else disc(640, 480) for is_turned in (False, True)}

    def serve(visit: Visit) -> None:
        visit.send("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n")
        while not visit.gone.wait(0.05):
            visit.send("--x\r\n\r\n", images[turned.is_set()])

    with fake_camera(serve) as camera:
        address = f"door=http://127.0.0.1:{camera.port}/v"
        with capturing(tmp_path, bus_url, CAMERAS=address, CAMERAS_FILE=str(marked)) as capture:
            wait_for(lambda: newest(bus, "door") > 3, "the first frames")
            turned.set()
            wait_for(lambda: follow(bus, 1, "door")[0].height > 480, "the turned picture")
            shown = picture(follow(bus, 1, "door")[0])
            assert shown.shape == (640, 480, 3)
            rows, columns = np.nonzero(shown[..., 0] > 150)
            assert np.ptp(rows) == pytest.approx(200, abs=4)
            assert np.ptp(columns) == pytest.approx(200, abs=4), "a disc stays round"
            assert not shown[:, :119].any(), "what is masked"
            assert not shown[:159].any(), "and would be, were the camera turned to the right"
            assert not shown[481:].any(), "or to the left"
            wait_for(lambda: "tall" in capture.notes().get("door picture", ""), "the advice")
            assert capture.healthy()
            assert len(camera.visits) == 1


def disc(width: int, height: int) -> bytes:
    shown = cv2.circle(np.full((height, width, 3), 60, np.uint8), (width // 2, height // 2), 100, (255, 255, 255), -1)
    return cv2.imencode(".jpg", shown)[1].tobytes()


LIES: dict[str, tuple[float, Callable[[int], int]]] = {
    "a thousand a second": (1000, lambda index: 33 * index),
    "no rate": (0, lambda index: 50 * index),
    "variable": (90_000, lambda index: 40 * index + 30 * (index % 2)),
    "no stamps": (1000, lambda _: 0),
}


def test_files_that_lie_about_their_rate_play_in_real_time_and_loop(tmp_path: Path, bus_url: str) -> None:
    images, clips = [jpeg(40 + 10 * index) for index in range(20)], []
    for number, (fps, stamp) in enumerate(LIES.values()):
        stamps_ms = [stamp(index) for index in range(20)]
        recorded(tmp_path / f"{number}.webm", images, stamps_ms, fps=fps, size=(160, 120))
        clips.append((f"lie{number}", (stamps_ms[-1] / 19 if stamps_ms[-1] else 40) / 1000))
    bus = connect(bus_url)
    cameras = ",".join(f"lie{number}={tmp_path}/{number}.webm" for number in range(len(LIES)))
    with capturing(tmp_path, bus_url, CAMERAS=cameras, FRAME_FPS="120") as capture:
        wait_for(lambda: min(newest(bus, name) for name, _ in clips) > 50, "each file, more than twice")
        wait_for(capture.healthy, "good health")
        for name, step_s in clips:
            frames = follow(bus, 25, name, after="0")
            lasted_s = (frames[-1].captured_ns - frames[0].captured_ns) / 1e9
            assert 0.8 * step_s < lasted_s / 24 < 1.3 * step_s, name


def test_files_beside_each_other_are_several_cameras(tmp_path: Path, bus_url: str, video: Path) -> None:
    bus = connect(bus_url)
    link = tmp_path / "a, b.mp4"
    link.symlink_to(video)
    with capturing(tmp_path, bus_url, CAMERAS=f"door={video},hall={link} ,") as capture:
        wait_for(lambda: min(newest(bus, name) for name in ("door", "hall")) > 2, "both")
        wait_for(capture.healthy, "good health")
