"""Why an RTSP camera, or a host, cannot be played: told apart, with what to do, and without its address."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest
from capture.devices import device_node, require_camera
from capture.network import connection_error
from capture.rtsp_probe import probe
from capture.trouble import CameraError

from tests.cameras import Serve, Visit, answering, certificate, closing, fake_camera
from tests.processes import SECRET
from tests.servers import free_port

BASIC = 'WWW-Authenticate: Basic realm="cam"'
TIMEOUT_S = 1.0


def offering(*lines: str) -> Serve:
    body = "\r\n".join(["v=0", "s=x", *lines, ""]).encode()
    return answering("200 OK", "CSeq: 1", f"Content-Length: {len(body)}", body=body, protocol="RTSP/1.0")


def rtsp(status: str, *headers: str) -> Serve:
    return answering(status, *headers, protocol="RTSP/1.0")


CASES: dict[str, tuple[Serve, str]] = {
    "wrong password": (rtsp("401 Unauthorized", BASIC), "user or password is wrong"),
    "wrong password, digest": (rtsp("401 No", 'WWW-Authenticate: Digest realm="x", nonce="y"'), "password is wrong"),
    "wrong password, no challenge": (rtsp("401 No"), "user or password is wrong"),
    "forbidden": (rtsp("403 Forbidden"), "forbids this user"),
    "wrong path": (rtsp("404 Not Found"), "nothing at this path"),
    "no session": (rtsp("454 Session Not Found"), "nothing at this path"),
    "not enough bandwidth": (rtsp("453 Not Enough Bandwidth"), "it is busy"),
    "busy": (rtsp("503 Service Unavailable"), "it is busy"),
    "own error": (rtsp("500 Internal Server Error"), "an error of its own"),
    "bad request": (rtsp("400 Bad Request"), "refuses the request"),
    "sound only": (offering("m=audio 0 RTP/AVP 0"), "sound without video"),
    "nothing offered": (offering(), "offers no video"),
    "unknown format": (offering("m=video 0 RTP/AVP 96", "a=rtpmap:96 DRAC/90000"), r"not read \(DRAC\)"),
    "http": (answering("400 Bad Request"), "write http://"),
    "tls": (lambda visit: visit.send(b"\x15\x03\x01\x00\x02\x02\x46"), "write rtsps://"),
    "ssh": (lambda visit: visit.send("SSH-2.0-OpenSSH\r\n"), "does not speak RTSP"),
    "closes": (closing, "closes the connection"),
    "silent": (Visit.hold, "does not answer to RTSP"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_rtsp_camera_that_cannot_be_played_says_why(case: str) -> None:
    serve, said = CASES[case]
    with fake_camera(serve) as camera, pytest.raises(CameraError, match=said) as caught:
        probe(f"rtsp://user:{SECRET}@127.0.0.1:{camera.port}/{SECRET}", TIMEOUT_S)
    assert SECRET not in str(caught.value)
    assert caught.value.seldom == (case.startswith("wrong password") or case == "forbidden")
    assert sum(bool(visit.header("Authorization")) for visit in camera.visits) <= 1


def test_an_rtsp_camera_that_wants_credentials_says_so_and_is_no_wrong_password() -> None:
    with fake_camera(rtsp("401 Unauthorized", BASIC)) as camera:
        with pytest.raises(CameraError, match="write them into its address") as caught:
            probe(f"rtsp://127.0.0.1:{camera.port}/stream", TIMEOUT_S)
        assert not caught.value.seldom


@pytest.mark.parametrize("codec", ["m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000", "m=video 0 RTP/AVP 26"])
def test_an_rtsp_camera_that_offers_video_has_no_trouble(codec: str) -> None:
    with fake_camera(offering("m=audio 0 RTP/AVP 0", *codec.split("\n"))) as camera:
        probe(f"rtsp://127.0.0.1:{camera.port}/stream", TIMEOUT_S)


def test_rtsps_is_asked_over_tls_and_plain_rtsp_is_told_apart(tmp_path: Path) -> None:
    with (
        fake_camera(rtsp("404 Not Found"), tls=certificate(tmp_path)) as camera,
        pytest.raises(CameraError, match="nothing at this path"),
    ):
        probe(f"rtsps://127.0.0.1:{camera.port}/stream", TIMEOUT_S)
    with fake_camera(rtsp("404 Not Found"), reads=False) as camera, pytest.raises(CameraError, match="write rtsp://"):
        probe(f"rtsps://127.0.0.1:{camera.port}/stream", TIMEOUT_S)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
def test_a_host_that_cannot_be_reached_is_told_apart(scheme: str) -> None:
    with pytest.raises(CameraError, match="nothing listens on its port") as closed:
        probe(f"{scheme}://127.0.0.1:{free_port()}/stream", TIMEOUT_S)
    assert closed.value.offline
    with pytest.raises(CameraError, match=r"host name cannot be looked up|no host of this name") as unknown:
        probe(f"{scheme}://no-such-camera.invalid/{SECRET}", TIMEOUT_S)
    assert "no-such-camera" not in str(unknown.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "no host of this name"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "cannot be looked up"),
        (TimeoutError("timed out"), "host does not answer"),
        (OSError(errno.EHOSTUNREACH, "x"), "no way to it"),
        (OSError(errno.ENETUNREACH, "x"), "network cannot be reached"),
        (ConnectionRefusedError(), "nothing listens"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "ECONNRESET"),
    ],
)
def test_every_failure_of_a_connection_has_its_own_words(error: OSError, said: str) -> None:
    assert said in str(connection_error(error, 554))


# ---- devices; only the kernel makes video nodes, so other files stand for them


def is_any(_there: os.stat_result) -> bool:
    return True


def test_a_link_is_followed_to_where_it_leads_now(tmp_path: Path) -> None:
    by_id = tmp_path / "v4l" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("video0", "video2"):
        (tmp_path / name).touch()
    link, door = by_id / "usb-cam-index0", tmp_path / "door-cam"
    door.symlink_to(link)
    for name in ("video0", "video2"):
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../{name}")
        assert device_node(str(link), is_any) == device_node(str(door), is_any) == str(tmp_path / name)
    link.unlink()
    with pytest.raises(CameraError, match="link leads to no device"):
        device_node(str(door), is_any)
    with pytest.raises(CameraError, match="no such device"):
        device_node(str(link), is_any)


def test_a_link_to_what_is_no_camera_says_so(tmp_path: Path) -> None:
    link = tmp_path / "door-cam"
    for target in ("/dev/null", str(tmp_path)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(CameraError, match="no camera"):
            device_node(str(link))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "group must be video"),
        (errno.EPERM, "group must be video"),
        (errno.EBUSY, "another program is using it"),
        (errno.ENODEV, "no camera behind it"),
        (errno.ENXIO, "no camera behind it"),
        (errno.EIO, "EIO"),
    ],
)
def test_a_device_that_cannot_be_opened_says_why(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(number, "x")

    monkeypatch.setattr("capture.devices.os.open", refuse)
    with pytest.raises(CameraError, match=said):
        require_camera("/dev/video0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_video_node_without_a_camera_says_so(tmp_path: Path) -> None:
    node = tmp_path / "video63"
    try:
        os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(81, 63))
    except PermissionError:
        pytest.skip("no device nodes may be made here")
    assert device_node(str(node)) == str(node)
    with pytest.raises(CameraError, match=r"no camera behind it|group must be video"):
        require_camera(str(node))


def test_a_device_that_is_no_camera_says_so() -> None:
    with pytest.raises(CameraError, match="does not answer as cameras do"):
        require_camera("/dev/null")
