"""Sources as other programs want them: understood, or refused with the spelling that is read."""

from pathlib import Path

import pytest
from capture.sources import Source, parse_camera, parse_cameras

from tests.processes import SECRET

ADDRESS, DEVICE = "write rtsp:// or http://", "write /dev/video"
MISSPELLED = {
    f"192.168.1.10:554/{SECRET}": ADDRESS,
    "192.168.1.10": ADDRESS,
    "camera.lan/stream1": ADDRESS,
    "camera.lan:8080/video": ADDRESS,
    f"user:{SECRET}@camera.lan/stream": ADDRESS,
    f"//user:{SECRET}@192.168.1.10": ADDRESS,
    f"rtsp:/user:{SECRET}@camera.lan/x": "has no :// behind its scheme",
    "http//camera.lan/x": "has no :// behind its scheme",
    "https:camera.lan/x": "has no :// behind its scheme",
    "file:clip.mp4": "its path alone",
    "v4l2:/dev/video0": DEVICE,
    "video=Integrated Camera": DEVICE,
    "dev/video0": DEVICE,
    "usb": DEVICE,
    "webcam": DEVICE,
    "Camera 1": DEVICE,
    "-1": DEVICE,
    "csi": "MediaMTX",
    "picamera2": "MediaMTX",
    "~/clip.mp4": "the whole path",
    "${HOME}/clip.mp4": "write its value",
}


@pytest.mark.parametrize("text", MISSPELLED)
def test_a_source_that_is_written_otherwise_is_refused_with_its_spelling(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=MISSPELLED[text]) as caught:
        parse_camera(text)
    assert SECRET not in str(caught.value)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["usb", "camera.lan", "192.168.1.10", "~a.mp4", "dev.mp4", "https", "clips.old/a.mp4", "my clip", "video7"]
)
def test_a_file_of_such_a_name_is_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    assert parse_camera(name) == Source("camera", "file", name)


@pytest.mark.parametrize("name", ["a.mp4", "clips/a.mp4", "clips.old/a.mp4", "my cam/cam 1.mkv", "httpd/a.avi"])
def test_a_file_that_may_come_is_taken_for_a_file(name: str) -> None:
    assert parse_camera(name).kind == "file"


def test_other_spellings_that_are_clear_are_read() -> None:
    listed = parse_cameras("a=file:///media/my%20clip.mp4\nb=video1\nc=Demo\nd=file://localhost/x.mkv")
    assert [(source.kind, source.uri) for source in listed] == [
        ("file", "/media/my clip.mp4"),
        ("device", "/dev/video1"),
        ("demo", ""),
        ("file", "/x.mkv"),
    ]
    with pytest.raises(ValueError, match=r"is no source|URL"):
        parse_camera("file://server/share/x.mp4")
