"""Rules are read again while they are used: whole, and only when they are right."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from iot_bridge.rules.live import first_rules, live_rules
from iot_bridge.rules.model import Rulebook
from iot_bridge.rules.reading import load_rules
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Topics

from facewire.heartbeat import Heartbeat
from facewire.live import LOOK_EVERY_S
from facewire.metrics import Metrics
from facewire.settings import load

AROUND = Surroundings(Topics("facewire", "door-pi"))


def rules(*names: str) -> str:
    return "rules:\n" + "".join(f"  - {{name: {name}, when: {{event: left}}, do: [speak: {{}}]}}\n" for name in names)


class Watched:
    """A file that is looked at, and the clock."""

    def __init__(self, path: Path, heartbeat: Heartbeat, metrics: Metrics, book: Rulebook | None = None) -> None:
        self.path = path
        self.now_s = 0.0
        self.metrics = metrics
        self._heartbeat = heartbeat
        book = load_rules(path, AROUND) if book is None else book
        self._said = structlog.testing.LogCapture()
        wrapper = structlog.make_filtering_bound_logger(0)
        log: Any = structlog.wrap_logger(None, processors=[self._said], wrapper_class=wrapper)
        self.live = live_rules(book, path, lambda: AROUND, heartbeat, metrics, log, lambda: self.now_s)

    def look(self, times: int = 3) -> bool:
        changed = False
        for _ in range(times):
            self.now_s += LOOK_EVERY_S
            changed |= self.live.look()
        return changed

    def names(self) -> list[str]:
        return [rule.name for rule in self.live.now.rules]

    def note(self) -> str:
        return str(self._heartbeat._notes.get("rules", ""))

    def lines(self) -> list[dict[str, Any]]:
        """Return what was logged since this was asked last."""
        said = [dict(entry) for entry in self._said.entries]
        self._said.entries.clear()
        return said

    def mistakes(self) -> float:
        return self.metrics.registry.get_sample_value("facewire_test_errors_total", {"kind": "rules"}) or 0.0


@pytest.fixture
def watched(tmp_path: Path, heartbeat: Heartbeat, metrics: Metrics) -> Watched:
    path = tmp_path / "rules.yaml"
    path.write_text(rules("a"), encoding="utf-8")
    watched = Watched(path, heartbeat, metrics)
    watched.look()
    assert watched.lines() == []
    return watched


def test_a_change_counts_once_it_stays_for_a_second(watched: Watched) -> None:
    assert (watched.names(), watched.note()) == (["a"], "1 rule")
    watched.path.write_text(rules("a", "b"), encoding="utf-8")
    assert not watched.look(2)
    assert watched.look(1)
    assert (watched.names(), watched.note()) == (["a", "b"], "2 rules")
    assert [(line["event"], line["changed"]) for line in watched.lines()] == [("rules: read again", "rule b new")]
    assert not watched.look()
    assert watched.lines() == []


def test_a_file_that_is_still_being_written_is_not_read(watched: Watched) -> None:
    whole = rules("a", "b", "c")
    for end in range(0, len(whole), 20):
        watched.path.write_text(whole[:end], encoding="utf-8")
        assert not watched.look(1)
    watched.path.write_text(whole, encoding="utf-8")
    assert watched.look()
    assert (watched.names(), watched.mistakes()) == (["a", "b", "c"], 0)


def replaced(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def written_in_place(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def moved_away_and_written(path: Path, text: str) -> None:
    path.rename(path.with_suffix(".yaml~"))
    path.write_text(text, encoding="utf-8")


def written_with_the_time_of_before(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("write", [replaced, written_in_place, moved_away_and_written, written_with_the_time_of_before])
def test_however_an_editor_writes_it_is_seen(watched: Watched, write: Callable[[Path, str], None]) -> None:
    write(watched.path, rules("x"))
    assert watched.look()
    assert watched.names() == ["x"]


def test_a_mistake_keeps_the_last_good_rules_is_said_once_and_shown(watched: Watched) -> None:
    watched.path.write_text(rules("b").replace("left", "gone"), encoding="utf-8")
    assert not watched.look(10)
    assert watched.names() == ["a"]
    complaint = f"{watched.path}:2:29: expected one of appeared"
    assert watched.note().startswith(f"as before, since {complaint}")
    (line,) = watched.lines()
    assert line["mistake"].startswith(complaint)
    assert watched.mistakes() == 1
    watched.path.write_text(rules("a"), encoding="utf-8")
    assert not watched.look(), "they are as they were"
    assert watched.note() == "1 rule"
    assert [line["changed"] for line in watched.lines()] == ["nothing"]


def test_a_file_that_is_taken_away_keeps_the_rules_and_is_missed(watched: Watched) -> None:
    watched.path.unlink()
    assert not watched.look()
    assert watched.names() == ["a"]
    assert "cannot be read (No such file or directory)" in watched.note()
    watched.path.write_text(rules("z"), encoding="utf-8")
    assert watched.look()
    assert (watched.names(), watched.note()) == (["z"], "1 rule")


def test_a_file_that_comes_later_is_read_and_its_absence_is_no_mistake(
    tmp_path: Path, heartbeat: Heartbeat, metrics: Metrics
) -> None:
    watched = Watched(tmp_path / "rules.yaml", heartbeat, metrics, Rulebook())
    assert not watched.look()
    assert (watched.note(), watched.mistakes()) == ("", 0)
    watched.path.write_text(rules("a"), encoding="utf-8")
    assert watched.look()
    assert watched.names() == ["a"]


def test_what_changed_before_the_first_look_is_not_missed(
    tmp_path: Path, heartbeat: Heartbeat, metrics: Metrics
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rules("a"), encoding="utf-8")
    watched = Watched(path, heartbeat, metrics)
    path.write_text(rules("b"), encoding="utf-8")
    assert watched.look()
    assert watched.names() == ["b"]


# ---- at the start


def test_without_a_file_there_are_no_rules() -> None:
    settings = BridgeSettings()
    assert not settings.rules_file.exists()
    assert first_rules(settings, AROUND) == Rulebook()


def test_a_file_that_was_named_must_be_there_and_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules: x\n", encoding="utf-8")
    for path, said in (
        (
            tmp_path / "none.yaml",
            "RULES_FILE: {} cannot be read (No such file or directory); name a file; for example ",
        ),
        (bad, "{}:1:8: expected a list of rules, found 'x'"),
    ):
        monkeypatch.setenv("RULES_FILE", str(path))
        with pytest.raises(SystemExit) as ended:
            first_rules(load(BridgeSettings), AROUND)
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith("facewire: " + said.format(path))
