"""`cameras.yaml` while services run: no state of the file that is not right ever takes a mask away."""

from pathlib import Path

import pytest

from facewire.heartbeat import Heartbeat
from facewire.layouts import NAME, Layouts, difference, load_layouts, summary
from facewire.live import LOOK_EVERY_S, LiveFile, Reading
from facewire.log import open_log
from facewire.metrics import Metrics

MASK = "{name: window, polygon: [[0.25, 0], [0.75, 0], [0.75, 0.5], [0.25, 0.5]]}"
MASKED = f"cameras:\n  door:\n    zones: []\n    masks: [{MASK}]\n"


class Marks:
    """A file of masks that is looked at, and the clock."""

    def __init__(self, path: Path, heartbeat: Heartbeat, metrics: Metrics) -> None:
        self.path = path
        self.now_s = 0.0
        self.heartbeat = heartbeat
        self.metrics = metrics
        nothing: Layouts = {}
        reading = Reading(NAME, path, load_layouts, nothing, summary, difference)
        log = open_log("test")
        self.live = LiveFile(reading, load_layouts(path), heartbeat, metrics, log, lambda: self.now_s)

    def look(self, times: int = 3) -> None:
        for _ in range(times):
            self.now_s += LOOK_EVERY_S
            self.live.look()

    def masks(self) -> list[str]:
        return [mask.name for layout in self.live.now.values() for mask in layout.masks]

    def note(self) -> str:
        return self.heartbeat._notes.get(NAME, "")

    def mistakes(self) -> float:
        return self.metrics.registry.get_sample_value("facewire_test_errors_total", {"kind": NAME}) or 0.0


@pytest.fixture
def marks(tmp_path: Path, heartbeat: Heartbeat, metrics: Metrics) -> Marks:
    path = tmp_path / NAME
    path.write_text(MASKED, encoding="utf-8")
    marks = Marks(path, heartbeat, metrics)
    marks.look()
    return marks


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1:1: expected a mapping with cameras, found nothing"),
        ("# all of it is gone\n", ":1:1: expected a mapping with cameras, found nothing"),
        ("{}\n", ":1:1: expected a mapping with cameras, found no cameras"),
        (MASKED[:-8], ":4:"),
        ("cameras:\n  door: {mask: []}\n", ":2:10: expected one of zones, lines, masks, found 'mask'"),
        (None, " cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_is_not_right_keeps_every_mask_and_is_told_once_with_its_place(
    marks: Marks, text: str | None, complaint: str
) -> None:
    if text is None:
        marks.path.unlink()
    else:
        marks.path.write_text(text, encoding="utf-8")
    marks.look(20)
    assert marks.masks() == ["window"]
    assert marks.note().startswith(f"as before, since {marks.path}{complaint}")
    assert marks.mistakes() == 1
    marks.path.write_text(MASKED.replace("window", "shed"), encoding="utf-8")
    marks.look()
    assert (marks.masks(), marks.note(), marks.mistakes()) == (["shed"], "1 mask", 1)


def test_a_file_that_is_being_written_keeps_every_mask_whatever_its_parts_would_say(marks: Marks) -> None:
    new = MASKED + f"  hall:\n    masks: [{MASK.replace('window', 'bench')}]\n"
    for end in range(len(new)):
        marks.path.write_text(new[:end], encoding="utf-8")
        marks.look(1)
        assert marks.masks() == ["window"]
    marks.path.write_text(new, encoding="utf-8")
    marks.look()
    assert marks.masks() == ["window", "bench"]
    assert marks.mistakes() == 0


def test_a_mask_that_a_right_file_no_longer_holds_is_gone(marks: Marks) -> None:
    marks.path.write_text("cameras:\n", encoding="utf-8")
    marks.look(2)
    assert marks.masks() == ["window"]
    marks.look(1)
    assert (marks.masks(), marks.note()) == ([], "")


def test_a_write_that_begins_while_the_file_is_read_is_not_believed(
    marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(path: Path) -> Layouts:
        path.write_text("cameras:\n", encoding="utf-8")
        layouts = load_layouts(path)
        path.write_text(MASKED, encoding="utf-8")
        return layouts

    marks.path.write_text(MASKED + "\n", encoding="utf-8")
    nothing: Layouts = {}
    monkeypatch.setattr(marks.live, "_reading", Reading(NAME, marks.path, torn, nothing, summary, difference))
    marks.look(3)
    assert marks.masks() == ["window"]


def test_it_is_read_again_when_what_it_is_checked_against_has_changed(marks: Marks) -> None:
    marks.path.write_text("cameras: x\n", encoding="utf-8")
    marks.look()
    assert marks.mistakes() == 1
    marks.live.read_again()
    marks.look()
    assert marks.mistakes() == 1, "the same mistake is no news"
