"""A camera may repeat the request in its answer, wherever an answer holds text: capture shows nothing of it."""

from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cameras import Visit, fake_camera
from tests.processes import service
from tests.servers import free_port, wait_for

MARK = "Zq7mark"
LOGIN = b64encode(f"{MARK}user:{MARK}".encode()).decode()
SHOWN_BY_KIND = {
    "http": {
        "reason": "reports an error of its own (HTTP status 500)",
        "realm": "user or password is wrong (401)",
        "scheme": "neither basic nor digest",
        "type": "data of no known type",
        "login": "data of no known type",
        "page": "answers with a page",
        "html": "answers with a page",
        "away": "nothing listens on its port",
        "nowhere": "none of HTTP",
        "bracket": "none of HTTP",
        "circle": "without end",
        "garbage": "does not speak HTTP",
    },
    "rtsp": {
        "reason": "reports an error of its own (RTSP status 500)",
        "realm": "user or password is wrong (401)",
        "scheme": "neither basic nor digest",
        "codec": "a format that is not read (payload 96)",
        "sound": "sound without video",
        "garbage": "does not speak RTSP",
    },
}
"""What is shown of a camera that repeats the request there."""


def http_answer(kind: str, said: str, port: int) -> str:
    """Return an answer that repeats a text; `port` is one at which nobody listens."""
    html = f"<html><title>{said}</title></html>"
    return {
        "reason": f"500 no {said}\r\n\r\n",
        "realm": f'401 not {said}\r\nWWW-Authenticate: Basic realm="{said}"\r\n\r\n{html}',
        "scheme": f"401 not {said}\r\nWWW-Authenticate: {MARK} {said}\r\n\r\n",
        "type": f"200 OK\r\nContent-Type: video/{MARK}\r\n\r\n{'x' * 300}",
        "login": f"200 OK\r\nContent-Type: video/{LOGIN.rstrip('=')}\r\n\r\n{'x' * 300}",
        "page": f"200 OK\r\nContent-Type: text/plain\r\n\r\n{said}",
        "html": f"200 OK\r\nContent-Type: {MARK}/{MARK}\r\n\r\n{html}",
        "away": f"302 see {said}\r\nLocation: http://{MARK}:x@127.0.0.1:{port}/{MARK}\r\n\r\n",
        "nowhere": f"302 see {said}\r\nLocation: ftp://{MARK}:x@127.0.0.1/{MARK}\r\n\r\n",
        "bracket": f"302 see {said}\r\nLocation: http://[{MARK}\r\n\r\n",
        "circle": f"302 see {said}\r\nLocation: /circle/{MARK}\r\n\r\n",
    }[kind]


def rtsp_answer(kind: str, said: str) -> str:
    """Return an answer that repeats a text."""
    codec = f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {MARK}/90000\r\n"
    sound = f"s={said}\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 {MARK}/90000\r\n"
    return {
        "reason": f"500 no {said}\r\n\r\n",
        "realm": f'401 not {said}\r\nWWW-Authenticate: Basic realm="{said}"\r\n\r\n',
        "scheme": f"401 not {said}\r\nWWW-Authenticate: {MARK} {said}\r\n\r\n",
        "codec": f"200 OK\r\nContent-Length: {len(codec)}\r\n\r\n{codec}",
        "sound": f"200 OK\r\nContent-Length: {len(sound)}\r\n\r\n{sound}",
    }[kind]


@pytest.mark.parametrize("scheme", SHOWN_BY_KIND)
def test_what_a_camera_repeats_of_the_request_is_not_shown(tmp_path: Path, bus_url: str, scheme: str) -> None:
    nobody = free_port()

    def serve(visit: Visit) -> None:
        target = visit.request[0].split(" ")[1].removeprefix(f"rtsp://127.0.0.1:{camera.port}")
        kind, said = target.split("/")[1], f"{target} {visit.header('Authorization')} {MARK}"
        if kind == "garbage":
            visit.send(f"{said}\r\n\r\n")
        elif scheme == "http":
            visit.send("HTTP/1.1 " + http_answer(kind, said, nobody))
        else:
            visit.send("RTSP/1.0 " + rtsp_answer(kind, said))

    wanted = SHOWN_BY_KIND[scheme]
    with ExitStack() as stack:
        camera = stack.enter_context(fake_camera(serve))
        host = f"{MARK}user:{MARK}@127.0.0.1:{camera.port}"
        cameras = ",".join(f"{kind}={scheme}://{host}/{kind}/{MARK}?{MARK}" for kind in wanted)
        settings = {"CAMERAS": cameras, "BUS_URL": bus_url, "LOG_LEVEL": "DEBUG", "CAMERA_TIMEOUT_S": "2"}
        capture = stack.enter_context(service("capture", tmp_path, **settings))
        wait_for(lambda: all(why in capture.output() for why in wanted.values()), "the reasons")
        said = capture.output() + str(capture.told())

    shown = said.lower()
    assert MARK.lower() not in shown
    assert LOGIN.lower().rstrip("=") not in shown
    assert "Traceback" not in said
    assert "unforeseen" not in said
