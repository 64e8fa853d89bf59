"""No masked pixel leaves capture, whenever the mask was marked and whatever becomes of its file."""

from pathlib import Path
from typing import Any

import redis

from facewire import keys
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Frame
from facewire.pixels import picture
from tests.integration.filming import capturing, follow, newest
from tests.servers import free_port, wait_for


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
