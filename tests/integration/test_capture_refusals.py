"""What capture refuses to start with: files that it cannot play, and mistakes in what is marked."""

from pathlib import Path

import pytest

from tests.processes import refused


def test_a_mistake_in_what_is_marked_is_refused_with_its_place(tmp_path: Path, video: Path) -> None:
    marked = tmp_path / "cameras.yaml"
    marked.write_text("cameras:\n  door:\n    mask: []\n", encoding="utf-8")
    for name in ("capture", "tracker", "iot_bridge", "web"):
        said = refused(name, tmp_path, CAMERA=str(video), CAMERAS_FILE=str(marked))
        assert said == f"facewire: {marked}:3:5: expected one of zones, lines, masks, found 'mask'"


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
