"""A recording holds what it was given, to the byte; what is damaged, cut off or foreign is said."""

import errno
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from threading import TIMEOUT_MAX, Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewire import keys, record, silence
from facewire.arguments import seconds
from facewire.codec import encode
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.metrics import Metrics
from facewire.recording import Entry, RecordingError, Writer, read, writing
from facewire.streams import Intake, Publisher, StreamReader, Wanted, announce
from runner import options
from tests.unit.messages import DETECTIONS
from tests.unit.scene import Scene, Walker

WALK = Scene(Walker(60, 150, dx=3))
FRAMES = [Entry("frames:door", f"{seq}-0", encode(WALK.frame(seq))) for seq in range(1, 4)]
FEW = [FRAMES[0], Entry("detections:door", "1700000000000-0", encode(DETECTIONS)), *FRAMES[1:]]


def write(path: Path, entries: Sequence[Entry]) -> Path:
    with writing(path) as writer:
        for entry in entries:
            writer.add(entry)
    return path


def read_until_wrong(path: Path) -> tuple[list[Entry], str]:
    got: list[Entry] = []
    with pytest.raises(RecordingError) as wrong:
        got.extend(read(path))
    return got, str(wrong.value)


@given(
    st.lists(
        st.builds(
            Entry,
            st.sampled_from(("frames:door", "frames:hall", "detections:door")),
            st.from_regex(r"\d{1,10}-\d", fullmatch=True),
            st.binary(max_size=64) | st.binary(min_size=5000, max_size=5100),
        ),
        max_size=8,
    )
)
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = write(tmp_path_factory.mktemp("recording") / "door.rec", entries)
    assert list(read(path)) == entries


def test_frames_that_resemble_each_other_take_less_room(tmp_path: Path) -> None:
    size = write(tmp_path / "door.rec", FRAMES).stat().st_size
    alone = sum(write(tmp_path / f"{entry.entry_id}.rec", [entry]).stat().st_size for entry in FRAMES)
    assert size < 0.6 * alone


def test_a_recording_that_is_cut_off_says_after_how_many_entries(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.rec", FEW).read_bytes()
    ends = [len(write(tmp_path / f"{count}.rec", FEW[:count]).read_bytes()) for count in range(len(FEW))]
    cut = tmp_path / "cut.rec"
    for count, end in enumerate(ends):
        # The last object of a shorter recording is its end, which takes six bytes: there the next entry begins.
        cut.write_bytes(whole[: end - 6 + 3])
        got, said = read_until_wrong(cut)
        assert got == FEW[:count]
        assert said == f"is cut off after {count} entries"


@settings(max_examples=150)
@given(st.data())
def test_no_damage_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = write(tmp_path_factory.mktemp("recording") / "door.rec", FEW)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(raw))
    with suppress(RecordingError):
        assert list(read(path)) == FEW


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no recording"),
        (b"#!/usr/bin/env bash\n", "is no recording"),
        (b"\x89PNG\r\n\x1a\n", "is no recording"),
        (b"\xc1" * 40, "is no recording"),
        (b"\x91" * 100_000, "is no recording"),
        (b"\x82\xa1t\xb2facewire recording\xa1v\x02", "is a recording of version 2, and 1 is what is read here"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    assert read_until_wrong(path)[1].startswith(complaint)


def test_a_recording_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "door.rec").write_bytes(b"the one before")
    with pytest.raises(AttributeError):
        write(tmp_path / "door.rec", [FRAMES[0], "no entry"])  # type: ignore[list-item]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the one before"]


def test_a_full_disk_ends_a_recording_with_one_line(
    bus_url: str,
    bus: Link,
    intake: Intake,
    metrics: Metrics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @contextmanager
    def full(_: Path) -> Iterator[Writer]:
        with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space") as first:
            Writer(file)
        assert first.value.errno == errno.ENOSPC
        with Path("/dev/full").open("wb") as file:
            try:
                yield Writer(file)
            finally:
                file.detach().close()

    announce(bus, "door")
    frames = Publisher(bus, keys.FRAMES, metrics)
    recorder = Link(connect(bus_url), "bus", Heartbeat("record", tmp_path, metrics, watchdog_s=None), metrics)
    reader = StreamReader(recorder, intake, metrics, [Wanted(keys.FRAMES)])
    stop = Event()
    monkeypatch.setattr(record, "writing", full)
    # The stream counts from what it holds when the reader comes: frames must come after that.
    reader._find_cameras(stop)
    frames.publish(WALK.frame(1))
    with pytest.raises(SystemExit) as ended:
        record._record_into(tmp_path / "door.rec", None, reader, stop)
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"facewire: {tmp_path}/door.rec: the disk is full, nothing is kept; free some space"
        " or record for a shorter time\n"
    )


class SlowDisk(Writer):
    """Takes its time for each entry, and ends the recording with the last."""

    def __init__(self, count: int, stop: Event) -> None:
        super().__init__(BytesIO())
        self.keys: list[str] = []
        self._most = count
        self._stop = stop

    def add(self, entry: Entry) -> None:
        time.sleep(0.6)
        self.keys.append(entry.key)
        if len(self.keys) == self._most:
            self._stop.set()


def test_no_camera_is_silent_while_the_recorder_waits_for_its_disk(
    bus: Link, intake: Intake, metrics: Metrics, stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "SHORTEST_S", 0.5)
    monkeypatch.setattr(record, "WAITING_ENTRIES", 1)
    announce(bus, "door")
    frames = Publisher(bus, keys.FRAMES, metrics)
    reader, disk = StreamReader(bus, intake, metrics, [Wanted(keys.FRAMES)]), SlowDisk(5, stop)
    # The stream counts from what it holds when the reader comes: frames must come after that.
    reader._find_cameras(stop)
    for seq in range(1, 6):
        frames.publish(WALK.frame(seq))
    record.record(reader, disk, stop)
    # After the last frame there is a silence.
    assert disk.keys[:5] == ["frames:door"] * 5


@pytest.mark.parametrize("name", ["lock", "Door", ""])
def test_a_camera_that_cannot_be_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        record.main(["--camera", name, "door.rec"])
    assert ended.value.code == 2
    assert "up to 32 long, and none of command, lock, people, speech, for example door" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["-3", "0", "soon", "nan", "inf", "1e9"])
def test_a_duration_that_is_none_is_refused_as_by_the_local_run(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    complaints = []
    for parse, option in ((record.main, "--seconds"), (options.parse, "--duration")):
        with pytest.raises(SystemExit) as ended:
            parse([option, wrong, "door.rec"])
        assert ended.value.code == 2
        complaints.append(capsys.readouterr().err.rpartition("error: ")[2].replace(option, ""))
    assert complaints == ["argument : must be a number of seconds above 0, for example 60\n"] * 2


def test_a_timer_can_wait_for_the_longest_duration_that_is_accepted() -> None:
    assert seconds("999999999") < TIMEOUT_MAX
