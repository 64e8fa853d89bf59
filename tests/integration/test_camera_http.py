"""Cameras over HTTP: the dialects that browsers show, still pictures, authentication, and what is no camera."""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.http_camera import HttpCamera, HttpLimits, Video
from capture.trouble import CameraError

from facewire.metrics import Metrics
from facewire.pixels import Picture
from tests.cameras import Serve, Visit, answering, certificate, closing, fake_camera, jpeg, streaming
from tests.processes import SECRET
from tests.servers import wait_for

SHADES = (40, 90, 140)
IMAGES = [jpeg(shade) for shade in SHADES]
TIMEOUT_S = 1.5


def reading(uri: str, *, timeout_s: float = TIMEOUT_S) -> Iterator[Picture | Video]:
    return HttpCamera(uri, HttpLimits(timeout_s, 1e6), Metrics("capture"), threading.Event()).pictures()


def shades(serve: Serve, count: int = 3, timeout_s: float = TIMEOUT_S) -> list[int]:
    """Return the shades of the first pictures that a camera gives, to tens."""
    with fake_camera(serve) as camera:
        pictures = [*islice(reading(f"http://127.0.0.1:{camera.port}/video", timeout_s=timeout_s), count)]
    assert all(isinstance(picture, np.ndarray) for picture in pictures)
    return [10 * round(float(np.mean(picture)) / 10) for picture in pictures]  # type: ignore[arg-type]


def sending(head: str, *parts: bytes | str, pause_s: float = 0.02) -> Serve:
    """Return what sends a head, then parts with pauses, and holds the line."""

    def serve(visit: Visit) -> None:
        visit.send(head.replace("\n", "\r\n"), "\r\n\r\n")
        for part in parts:
            visit.send(part)
            time.sleep(pause_s)
        visit.hold()

    return serve


def parts(before: str, after: str = "\r\n") -> list[bytes]:
    return [before.replace("LEN", str(len(image))).encode() + image + after.encode() for image in IMAGES]


MULTIPART = "HTTP/1.1 200 OK\nContent-Type: multipart/x-mixed-replace; boundary=x"
with_thumbnail = (
    IMAGES[0][:2] + b"\xff\xe1" + (len(IMAGES[2]) + 8).to_bytes(2, "big") + b"Exif\0\0" + IMAGES[2] + IMAGES[0][2:]
)
DIALECTS: dict[str, Serve] = {
    "plain": sending(MULTIPART, *parts("--x\r\nContent-Type: image/jpeg\r\nContent-Length: LEN\r\n\r\n")),
    "no boundary before the first": sending(
        MULTIPART, *parts("Content-Type: image/jpeg\r\nContent-Length: LEN\r\n\r\n", "\r\n--x\r\n")
    ),
    "no boundary at all": sending(MULTIPART, *parts("Content-Type: image/jpeg\r\nContent-Length: LEN\r\n\r\n")),
    "image/jpg": sending(MULTIPART, *parts("--x\r\nContent-Type: image/jpg\r\nContent-Length: LEN\r\n\r\n")),
    "no length": sending(MULTIPART, *parts("--x\r\nContent-Type: image/jpeg\r\n\r\n")),
    "wrong length": sending(MULTIPART, *parts("--x\r\nContent-Type: image/jpeg\r\nContent-Length: 7\r\n\r\n")),
    "line feeds": sending(MULTIPART, *parts("--x\nContent-Type: image/jpeg\n\n", "\n")),
    "another boundary": sending(MULTIPART, *parts("--other\r\nContent-Type: image/jpeg\r\n\r\n")),
    "dashes in the boundary": sending(
        MULTIPART.replace("=x", "=--x"), *parts("--x\r\nContent-Type: image/jpeg\r\n\r\n")
    ),
    "quoted boundary": sending(MULTIPART.replace("=x", '="x"'), *parts("--x\r\nContent-Type: image/jpeg\r\n\r\n")),
    "time stamps": sending(MULTIPART, *parts("--x\r\nX-Timestamp: 1.5\r\nContent-Type: image/jpeg\r\n\r\n")),
    "no part headers": sending(MULTIPART, *parts("--x\r\n\r\n")),
    "no content type": sending("HTTP/1.0 200 OK", *parts("--x\r\nContent-Type: image/jpeg\r\n\r\n")),
    "wrong content type": sending("HTTP/1.0 200 OK\nContent-Type: text/plain", *parts("--x\r\n\r\n")),
    "joined pictures": sending("HTTP/1.0 200 OK\nContent-Type: image/jpeg", *IMAGES),
    "octets": sending("HTTP/1.0 200 OK\nContent-Type: application/octet-stream", *IMAGES),
    "chunks": sending(
        MULTIPART + "\nTransfer-Encoding: chunked",
        *(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts("--x\r\nContent-Type: image/jpeg\r\n\r\n")),
    ),
    "junk": sending(MULTIPART, *parts("\0\xffjunk--x\r\n\r\n", "junk \xff\xff\r\n")),
    "a broken one in the middle": sending(
        MULTIPART, *parts("--x\r\n\r\n")[:1], b"--x\r\n\r\n" + IMAGES[1][:300] + b"\r\n", *parts("--x\r\n\r\n")[1:]
    ),
    "a thumbnail": sending(MULTIPART, b"--x\r\n\r\n" + with_thumbnail, *parts("\r\n--x\r\n\r\n")[1:]),
    "bytes one by one": sending(MULTIPART, *(bytes([byte]) for byte in b"".join(IMAGES)), pause_s=0),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_of_mjpeg_is_read(dialect: str) -> None:
    assert shades(DIALECTS[dialect]) == list(SHADES)


def test_a_picture_that_never_ends_or_is_far_too_big_is_passed_over() -> None:
    size = IMAGES[0].index(b"\xff\xc0") + 5
    bomb = IMAGES[0][:size] + (16_000).to_bytes(2, "big") * 2 + IMAGES[0][size + 4 :]
    endless = b"\xff\xd8\xff\xda\x00\x04ab" + bytes(17_000_000)

    assert shades(sending(MULTIPART, bomb, IMAGES[0], endless, *IMAGES[1:]), timeout_s=5) == list(SHADES)


def still(answer: Serve) -> tuple[list[Picture], list[Visit], list[float]]:
    """Return the first three pictures of a still camera, its visitors, and when the pictures came."""
    with fake_camera(answer) as camera:
        pictures, came_s = [], []
        for picture in islice(reading(f"http://user:{SECRET}@127.0.0.1:{camera.port}/cgi-bin/snap?ch=1"), 3):
            assert isinstance(picture, np.ndarray)
            pictures.append(picture)
            came_s.append(time.monotonic())
        return pictures, list(camera.visits), came_s


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_still_picture_is_asked_for_twice_a_second(suffix: str) -> None:
    image = cv2.imencode(suffix, np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
    kind = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}[suffix]

    pictures, visits, came_s = still(answering("200 OK", f"Content-Type: {kind}", body=image))

    assert [picture.shape for picture in pictures] == [(120, 160, 3)] * 3
    assert len(visits) == 3
    assert 0.8 < came_s[2] - came_s[0] < 1.6


def test_a_still_picture_that_did_not_change_counts_as_taken() -> None:
    def serve(visit: Visit) -> None:
        if visit.header("If-None-Match") == '"7"':
            visit.send("HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            visit.send(f'HTTP/1.1 200 OK\r\nETag: "7"\r\nContent-Length: {len(IMAGES[1])}\r\n\r\n', IMAGES[1])

    pictures, visits, _ = still(serve)

    assert [visit.header("If-None-Match") for visit in visits] == ["", '"7"', '"7"']
    assert len(pictures) == 3


def test_a_still_camera_that_is_busy_now_and_then_is_not_lost() -> None:
    def serve(visit: Visit) -> None:
        if visit.number % 2:
            visit.send("HTTP/1.1 503 Busy\r\n\r\n")
        else:
            time.sleep(0.2)
            visit.send("HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", IMAGES[0])

    assert len(still(serve)[0]) == 3


def test_a_still_picture_whose_connection_stays_open_is_asked_for_again() -> None:
    assert shades(sending("HTTP/1.1 200 OK\nContent-Type: image/jpeg", IMAGES[1]), 2) == [90, 90]


def test_digest_is_answered_once_and_not_asked_for_again_with_each_picture() -> None:
    def serve(visit: Visit) -> None:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', visit.header("Authorization")))
        user = hashlib.sha256(f"us,er:cam:{SECRET}@:".encode()).hexdigest()
        request = hashlib.sha256(f"GET:{given.get('uri')}".encode()).hexdigest()
        wanted = f"{user}:n1:{given.get('nc')}:{given.get('cnonce')}:auth:{request}"
        if given.get("response") == hashlib.sha256(wanted.encode()).hexdigest():
            visit.send("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", IMAGES[0])
        else:
            challenge = 'Basic realm="cam", Digest realm="cam", nonce="n1", algorithm=SHA-256, qop="auth"'
            visit.send(f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n\r\n")

    with fake_camera(serve) as camera:
        uri = f"http://us%2Cer:{SECRET}%40%3A@127.0.0.1:{camera.port}/snap.jpg?a=1"
        assert len([*islice(reading(uri), 3)]) == 3
        assert [bool(visit.header("Authorization")) for visit in camera.visits] == [False, True, True, True]
        assert not any("Basic" in visit.header("Authorization") for visit in camera.visits)


def test_credentials_follow_no_redirect_to_another_host() -> None:
    challenge = 'WWW-Authenticate: Basic realm="cam"'
    with fake_camera(answering("401 Unauthorized", challenge)) as other:

        def serve(visit: Visit) -> None:
            if visit.header("Authorization"):
                visit.send(f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{other.port}/video\r\n\r\n")
            else:
                visit.send(f"HTTP/1.1 401 Unauthorized\r\n{challenge}\r\n\r\n")

        with fake_camera(serve) as camera, pytest.raises(CameraError, match="wants a user and a password"):
            next(reading(f"http://user:{SECRET}@127.0.0.1:{camera.port}/"))
        assert [visit.header("Authorization") for visit in other.visits] == [""]


def test_a_redirect_on_the_same_host_is_followed_with_credentials() -> None:
    def serve(visit: Visit) -> None:
        if not visit.header("Authorization"):
            visit.send('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n')
        elif " /final" in visit.request[0]:
            streaming(pictures=2)(visit)
        else:
            visit.send("HTTP/1.1 302 Found\r\nLocation: /final?x=1\r\n\r\n")

    with fake_camera(serve) as camera:
        assert next(reading(f"http://user:{SECRET}@127.0.0.1:{camera.port}/")) is not None


def test_https_with_a_certificate_of_its_own_is_read(tmp_path: Path) -> None:
    with fake_camera(streaming(), tls=certificate(tmp_path)) as camera:
        assert isinstance(next(reading(f"https://127.0.0.1:{camera.port}/video")), np.ndarray)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("video/mp2t", b"\x47" + bytes(187)),
        ("application/octet-stream", b"FLV\x01\x05\x00\x00\x00\x09" + bytes(100)),
        ("application/vnd.apple.mpegurl", b"#EXTM3U\n#EXT-X-VERSION:3\n"),
        ("text/plain", b"#EXTM3U\n"),
        ("video/mp4", bytes(4) + b"ftypisom" + bytes(60) + IMAGES[0]),
    ],
)
def test_what_is_video_is_left_to_ffmpeg(content_type: str, body: bytes) -> None:
    def serve(visit: Visit) -> None:
        visit.send(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n", body, bytes(5000))
        visit.line.settimeout(5)
        # It has one connection at a time.
        with suppress(ConnectionResetError):
            visit.line.recv(1)
        closed.append(True)

    closed: list[bool] = []
    with fake_camera(serve) as camera:
        url = f"http://user:pass@127.0.0.1:{camera.port}/live"
        assert next(reading(url)) == Video(url, content_type)
        wait_for(lambda: closed == [True], "the connection to be closed")


def hanging(visit: Visit) -> None:
    visit.hold()


NO_CAMERA: dict[str, tuple[Serve, str]] = {
    "no credentials": (answering("401 No", 'WWW-Authenticate: Basic realm="x"'), "user or password is wrong"),
    "forbidden": (answering("403 Forbidden"), "forbids this user"),
    "wrong path": (answering("404 Not Found"), "nothing at this path"),
    "busy": (answering("503 Service Unavailable"), "it is busy"),
    "own error": (answering("500 Oops"), "an error of its own"),
    "refused": (answering("405 Method Not Allowed"), "refuses the request"),
    "unknown authentication": (answering("401 No", "WWW-Authenticate: Negotiate"), "neither basic nor digest"),
    "web page": (answering("200 OK", "Content-Type: text/html", body=b"<!DOCTYPE html><html>"), "with a page"),
    "page of no type": (answering("200 OK", body=b"\n<html><body>"), "with a page"),
    "json": (answering("200 OK", "Content-Type: application/json", body=b'{"error": 1}'), "with a page"),
    "sound": (answering("200 OK", "Content-Type: audio/aac", body=b"\xff\xf1abc"), "sound without video"),
    "nothing": (answering("200 OK", "Content-Type: image/jpeg"), "answers with nothing"),
    "bmp": (answering("200 OK", "Content-Type: image/bmp", body=b"BM1234"), "kind of picture that is not read"),
    "endless redirects": (answering("302 Found", "Location: /again"), "without end"),
    "redirect elsewhere": (answering("302 Found", "Location: rtsp://other/x"), "none of HTTP"),
    "silent": (hanging, "does not answer"),
    "silent after its head": (sending("HTTP/1.1 200 OK\nContent-Type: image/jpeg"), "sends nothing"),
    "silent in its first picture": (sending(MULTIPART, "--x\r\n\r\n", IMAGES[0][:50]), "sends too slowly"),
    "closes in its first picture": (
        answering("200 OK", "Content-Type: image/jpeg", body=IMAGES[0][:50]),
        "in the midst",
    ),
    "proxy": (answering("407 Proxy Authentication Required"), "a proxy before it"),
    "no content": (answering("204 No Content"), "no picture at the moment"),
    "choices": (answering("300 Multiple Choices"), "write the final one"),
    "a thousand headers": (answering("200 OK", *(f"X-{index}: x" for index in range(1000))), "head of its answer"),
    "closes": (closing, "closes the connection"),
    "rtsp": (answering("400 Bad Request", protocol="RTSP/1.0"), "write rtsp://"),
    "ssh": (lambda visit: visit.send("SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
    "tls": (lambda visit: visit.send(b"\x15\x03\x01\x00\x02\x02\x46"), "write https://"),
    "tls of nginx": (answering("400 Bad", body=b"The plain HTTP request was sent to HTTPS port"), "write https://"),
}


@pytest.mark.parametrize("case", NO_CAMERA)
def test_what_is_no_camera_says_so(case: str) -> None:
    serve, said = NO_CAMERA[case]
    with fake_camera(serve) as camera, pytest.raises(CameraError, match=said) as caught:
        next(reading(f"http://user:{SECRET}@127.0.0.1:{camera.port}/{SECRET}"))
    assert SECRET not in str(caught.value)
    assert str(camera.port) not in str(caught.value)
    assert sum(bool(visit.header("Authorization")) for visit in camera.visits) <= 1
    assert caught.value.seldom == (case in ("no credentials", "forbidden"))


def test_an_address_that_wants_credentials_and_has_none_says_so() -> None:
    with fake_camera(answering("401 No", 'WWW-Authenticate: Digest realm="x", nonce="y"')) as camera:
        with pytest.raises(CameraError, match="write them into its address") as caught:
            next(reading(f"http://127.0.0.1:{camera.port}/"))
        assert not caught.value.seldom


def test_https_to_a_plain_port_says_so() -> None:
    with (
        fake_camera(answering("400 Bad Request"), reads=False) as camera,
        pytest.raises(CameraError, match="write http://"),
    ):
        next(reading(f"https://127.0.0.1:{camera.port}/"))
