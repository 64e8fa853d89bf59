"""What CAMERA and CAMERAS may say, and that no complaint about them shows a secret."""

import io
import os
import string
from contextlib import redirect_stderr, suppress
from pathlib import Path
from unittest import mock

import pytest
from capture.settings import CaptureSettings
from capture.sources import Source, parse_camera, parse_cameras
from hypothesis import given, settings
from hypothesis import strategies as st

from facewire.sanity import FREE_NAME
from facewire.settings import load

MARK = "Zq9"
"""No message of ours says this, so it is seen wherever a part of a secret gets out."""
TAKEN = (
    "camera 2 does not begin with name=, a name of a-z, 0-9, _ and - up to 32 long, "
    "and none of command, lock, people, speech"
)
SECRETS = st.text(string.ascii_letters + string.digits + "!$&*+;=,:@/?#%[] ", max_size=12).map(
    lambda text: f"{MARK}{text}{MARK}"
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "demo"),
        ("demo", "demo"),
        ("/dev/video0", "device"),
        ("rtsp://user:password@camera.lan:554/stream", "network"),
        ("rtsps://camera.lan/stream", "network"),
        ("http://camera.lan/video.mjpg", "network"),
        ("https://[fe80::1]/video.mjpg", "network"),
        ("clips/party.mp4", "file"),
        ("/media/a film.mkv", "file"),
        ("/dev/shm/clip.mp4", "file"),
        ("/dev/v4l/by-id/usb-046d_0825_A1B2-video-index0", "device"),
        ("/dev/v4l/by-path/platform-xhci-hcd.0-usb-0:1:1.0-video-index0", "device"),
        ("/dev/door-cam", "device"),
        ("/dev/../dev/video0", "device"),
    ],
)
def test_camera_is_known_by_its_form(text: str, kind: str) -> None:
    source = parse_camera(text)

    assert (source.name, source.kind) == ("camera", kind)
    assert source.uri == ("" if kind == "demo" else text)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://camera.lan/x",
        "rtsp://",
        "rtsp:///stream",
        "http://camera.lan:99999/x",
        "http://camera.lan:http/x",
        "rtsp://camera.lan/a b",
        "http://[::1/x",
        "/dev/sda",
        "/dev/video",
        "/dev",
        "/dev/",
        "/dev/null",
        "/dev/ttyUSB0",
        "/dev/nvme0n1p1",
        "/dev/stdin",
        "a\nb.mp4",
        r"C:\clips\a.mp4",
    ],
)
def test_camera_is_refused_when_it_is_no_source(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no source|URL|backslash"):
        parse_camera(text)


@pytest.mark.parametrize(
    ("number", "path"),
    [("0", "/dev/video0"), ("1", "/dev/video1"), ("12", "/dev/video12"), ("video2", "/dev/video2")],
)
def test_a_number_is_a_device(number: str, path: str) -> None:
    assert parse_camera(number) == Source("camera", "device", path)


def test_a_link_that_leads_to_a_device_is_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "door-cam").symlink_to("/dev/video7")
    (tmp_path / "clip.mp4").symlink_to("/media/clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert [parse_camera(path).kind for path in ("door-cam", "./door-cam", "clip.mp4")] == ["device", "device", "file"]


LISTS = {
    "door=clips/a.mp4,hall=clips/b.mp4": ["clips/a.mp4", "clips/b.mp4"],
    "door = rtsp://h/s , hall = 0": ["rtsp://h/s", "/dev/video0"],
    "door=rtsp://h/s, hall=1": ["rtsp://h/s", "/dev/video1"],
    "door=rtsp://h/s,hall=clips/b.mp4": ["rtsp://h/s", "clips/b.mp4"],
    "door=rtsp://h/s?a=1,b=2": ["rtsp://h/s?a=1,b=2"],
    "door=rtsp://h/s?a=1,b=2,hall=0.mp4": ["rtsp://h/s?a=1,b=2", "0.mp4"],
    "door=http://u:p,q=1@h/a.mjpg,hall=/dev/door-cam": ["http://u:p,q=1@h/a.mjpg", "/dev/door-cam"],
    "door=0,hall=1,": ["/dev/video0", "/dev/video1"],
    "door=a, b.mp4,hall=x=y.mp4": ["a, b.mp4", "x=y.mp4"],
    "door=demo\r\nhall=/dev/video0,\n\nyard=clips/a,b.mp4\n": ["", "/dev/video0", "clips/a,b.mp4"],
    ",door=demo,,hall=demo, ,": ["", ""],
    "door=../a.mkv,hall=./b.webm": ["../a.mkv", "./b.webm"],
}


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_cameras_is_split_where_the_next_one_begins(text: str) -> None:
    sources = parse_cameras(text)

    assert [source.uri for source in sources] == LISTS[text]
    assert [source.name for source in sources] == ["door", "hall", "yard"][: len(sources)]


def test_what_may_be_an_address_or_two_cameras_is_refused() -> None:
    with pytest.raises(ValueError, match=r"camera 2 ends in ,name=number.*%2C.*/dev/videoN"):
        parse_cameras("yard=demo,door=rtsp://h/s,hall=1")


def test_commas_inside_urls_survive() -> None:
    text = "door=rtsp://user:a,b=c@host/x?list=1,2,k=3,hall=/dev/video0,yard=http://10.0.0.2/v.mjpg?size=1,2,play=demo"

    assert [(source.name, source.kind, source.uri) for source in parse_cameras(text)] == [
        ("door", "network", "rtsp://user:a,b=c@host/x?list=1,2,k=3"),
        ("hall", "device", "/dev/video0"),
        ("yard", "network", "http://10.0.0.2/v.mjpg?size=1,2"),
        ("play", "demo", ""),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rtsp://host/x", "camera 1 does not begin with name="),
        ("Door=rtsp://host/x", "camera 1 does not begin with name="),
        ("door=rtsp://host/x,Hall=/dev/video0", "camera 2 does not begin with name="),
        ("door=demo,door=demo", "camera 2 has the name of an earlier one"),
        ("door=", "camera 1 is no source"),
        ("door=demo,hall=ftp://host/x", "camera 2 has a URL"),
        (f"{'x' * 33}=demo", "camera 1 does not begin with name="),
        *((f"door=demo,{name}=demo", TAKEN) for name in ("command", "lock", "people", "speech")),
    ],
)
def test_cameras_are_refused_with_the_number_of_the_one_at_fault(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_cameras(text)


@settings(max_examples=30)
@given(
    names=st.lists(st.from_regex(FREE_NAME, fullmatch=True), min_size=1, max_size=5, unique=True),
    uris=st.lists(
        st.sampled_from(["demo", "/dev/video3", "rtsp://u:p@host/a,b", "http://host/v.mjpg?a=1,2", "/clips/a.mp4"]),
        min_size=5,
        max_size=5,
    ),
)
def test_every_list_of_cameras_comes_apart_where_it_was_joined(names: list[str], uris: list[str]) -> None:
    parts = list(zip(names, uris, strict=False))

    sources = parse_cameras(",".join(f"{name}={uri}" for name, uri in parts))

    assert [(source.name, source.uri or "demo") for source in sources] == parts


@given(
    secret=SECRETS,
    variable=st.sampled_from(["CAMERA", "CAMERAS"]),
    form=st.sampled_from(
        [
            "{secret}://host/x",
            "ftp://{secret}@host/x",
            "door=ftp://user:{secret}@host/x",
            "rtsp://user:{secret}@host:port/x",
            "{secret}=rtsp://host",
            "door=demo,rtsp://user:{secret}@host/x,x=demo",
            "/dev/{secret}",
            "rtsp://u:{secret}@ho st/",
        ]
    ),
)
def test_no_complaint_shows_what_was_given(secret: str, variable: str, form: str) -> None:
    said = io.StringIO()
    environment = {variable: form.format(secret=secret)}

    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch("facewire.redaction._known", frozenset()),
        redirect_stderr(said),
        suppress(SystemExit),
    ):
        found = load(CaptureSettings)
        said.write(repr(found) + " ".join(repr(source) for source in found.sources))

    assert said.getvalue().startswith(("facewire: ", "CaptureSettings("))
    assert said.getvalue().count("\n") <= 1
    assert MARK not in said.getvalue()


def test_a_name_that_a_topic_has_ends_capture_with_one_line_that_says_which_are_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mock.patch.dict(os.environ, {"CAMERAS": "lock=demo"}, clear=True), pytest.raises(SystemExit) as ended:
        load(CaptureSettings)

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"facewire: CAMERAS: {TAKEN.replace('2', '1', 1)}")
    assert said.endswith("; for example CAMERAS=door=rtsp://user:password@camera.lan/stream,hall=/dev/video0\n")


@pytest.mark.parametrize("name", ["locks", "lock-1", "a-lock", "camera", "zone", "peoples"])
def test_a_name_that_only_begins_or_ends_so_is_free(name: str) -> None:
    assert [source.name for source in parse_cameras(f"{name}=demo")] == [name]


def test_both_variables_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch.dict(os.environ, {"CAMERA": "demo", "CAMERAS": "door=demo"}, clear=True), pytest.raises(SystemExit):
        load(CaptureSettings)

    assert capsys.readouterr().err == "facewire: CAMERA and CAMERAS are both set: keep one of them\n"


def test_a_bad_camera_is_answered_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch.dict(os.environ, {"CAMERA": "ftp://u:secret@h/x"}, clear=True), pytest.raises(SystemExit):
        load(CaptureSettings)

    said = capsys.readouterr().err
    assert said.startswith("facewire: CAMERA: it has a URL that is not rtsp://")
    assert said.endswith("; for example CAMERA=/dev/video0\n")


def test_an_odd_width_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch.dict(os.environ, {"FRAME_WIDTH": "641"}, clear=True), pytest.raises(SystemExit):
        load(CaptureSettings)

    assert "FRAME_WIDTH" in capsys.readouterr().err
