"""What scripts/record takes from a real bus, replayed: the live tracker's events, and the same bytes each time."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from facewire import keys
from facewire.codec import decode, encode
from facewire.link import connect
from facewire.messages import FaceEvent
from facewire.recording import Entry, read, writing
from facewire.silence import SHORTEST_S, Silence
from tests import processes
from tests.integration.door import DETECT_EVERY, Door, are_reading, events, put
from tests.integration.tracking import tracker
from tests.places import ROOT
from tests.processes import environment
from tests.servers import HUNG_S, program, wait_for
from tests.unit.scene import Scene, Walker
from tests.unit.test_tracker_naming import look

LAST = 110
LOOKS = (31, 32, 33)
SEEN = Scene(Walker(60, 150, dx=3, frames=range(61)), Walker(500, 260, dx=-2, frames=range(20, 80)))


def replayed(folder: Path, recording: Path, *arguments: str, **settings: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "replay", str(recording), *arguments],
        env=environment(folder, **settings),
        capture_output=True,
        timeout=HUNG_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def refused(folder: Path, recording: Path, *arguments: str) -> str:
    return processes.refused("tracker", folder, command=("-m", "tracker", "replay", str(recording), *arguments))


@contextmanager
def recorder(folder: Path, bus_url: str, out: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run scripts/record until the block ends, and no longer than it must."""
    with subprocess.Popen(
        [sys.executable, "-m", "facewire.record", *arguments, str(out)],
        env=environment(folder, BUS_URL=bus_url),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def recorded(tmp_path: Path, bus_url: str, store_url: str) -> tuple[Path, list[FaceEvent]]:
    """A recording of two faces, made while a tracker followed them; and the events that the tracker wrote."""
    watch, out = Door(bus_url, SEEN), tmp_path / "door.rec"
    watch.announce()
    with (
        tracker(tmp_path, bus_url, store_url),
        recorder(tmp_path, bus_url, out, "--camera", "door") as recording,
    ):
        play(watch, LOOKS, range(1, LAST + 1))
        wait_for(lambda: len(events(store_url)) == 5, what="the events")
        recording.send_signal(signal.SIGINT)
        assert recording.wait(HUNG_S) == 0
        assert recording.stderr is not None
        counted = f"{LAST // 5} detections:door, {LAST} frames:door, {len(LOOKS)} identities:door"
        assert recording.stderr.read() == f"record: {out}: {counted}\n"
    return out, events(store_url)


def play(watch: Door, looks: Collection[int], indices: Iterable[int]) -> None:
    """Play frames and what was found in them, one after the other.

    Of entries that wait together those of any stream may be read first, by the tracker and by the recorder.
    """
    bus = connect(watch.url)

    def let_both_read() -> None:
        wait_for(lambda: are_reading(watch.url, 2), what="tracker and recorder to have read it")

    let_both_read()
    for index in indices:
        watch.publish([index])
        watch.wait_for_tracks(index)
        let_both_read()
        if index % DETECT_EVERY == 0:
            put(bus, keys.DETECTIONS, watch.scene.detections(index))
            let_both_read()
        if index in looks:
            put(bus, keys.IDENTITIES, look("Ada", index))
            let_both_read()


def test_a_replay_tells_what_the_live_tracker_told_and_the_same_each_time(
    tmp_path: Path, recorded: tuple[Path, list[FaceEvent]]
) -> None:
    recording, live = recorded
    ids = [entry.entry_id for entry in read(recording) if entry.key == "frames:door"]
    assert ids == [f"{seq}-0" for seq in range(1, LAST + 1)]

    first = replayed(tmp_path, recording, "--tracks", PYTHONHASHSEED="1")
    assert replayed(tmp_path, recording, "--tracks", PYTHONHASHSEED="2") == first
    told = [json.loads(line) for line in first.splitlines()]
    assert [each["seq"] for each in told if each["t"] == "tracks"] == list(range(1, LAST + 1))
    happened = [each for each in told if each["t"] == "event"]
    assert [each["identity"]["name"] for each in happened if each["identity"]] == ["Ada", "Ada"]
    assert [(each["id"], each["at_ns"], each["started_ns"]) for each in happened] == [
        (event.id, event.at_ns, event.started_ns) for event in live
    ]
    assert [each["snapshot_sha256"] is not None for each in happened] == [event.snapshot is not None for event in live]

    only_events = replayed(tmp_path, recording)
    assert only_events == b"".join(line + b"\n" for line in first.splitlines() if json.loads(line)["t"] == "event")
    marked = tmp_path / "cameras.yaml"
    marked.write_text("cameras: {door: {zones: [{name: hall, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}]}}\n")
    one = replayed(tmp_path, recording, "--set", "max_faces=1", "--set", f"CAMERAS_FILE={marked}")
    others = [json.loads(line) for line in one.splitlines()]
    assert {each["track_id"] for each in others} == {1}
    assert [each["type"] for each in others] == ["appeared", "entered", "identified", "left_zone", "left"]

    cut = tmp_path / "cut.rec"
    cut.write_bytes(recording.read_bytes()[:-9])
    # Where the test had to wait for long, silences are among them.
    count = len(list(read(recording)))
    assert count >= LAST + LAST // 5 + len(LOOKS)
    assert refused_after_events(tmp_path, cut, count - 1) == only_events


def test_a_replay_in_which_somebody_is_found_again_is_the_same_each_time(tmp_path: Path) -> None:
    there, back = Scene(Walker(470, 150, dx=6)), Scene(Walker(640 + 6 * 40, 150, dx=-6))
    recording, last, seen_from = tmp_path / "door.rec", 80, 62
    with writing(recording) as writer:
        for index in range(1, last + 1):
            scene = there if index < 40 else back
            writer.add(Entry("frames:door", f"{index}-0", encode(scene.frame(index))))
            if index % 5 == 0 and not 40 <= index < seen_from:
                writer.add(Entry("detections:door", f"{index}-0", encode(scene.detections(index))))
    settings = ("--tracks", "--set", "coast_s=0.3")
    first = replayed(tmp_path, recording, *settings, PYTHONHASHSEED="1")
    assert replayed(tmp_path, recording, *settings, PYTHONHASHSEED="2") == first
    told = [json.loads(line) for line in first.splitlines()]
    shown = {each["seq"] for each in told if each["t"] == "tracks" and each["tracks"]}
    # Gone, and found again before they were detected.
    assert 38 not in shown
    assert seen_from - 2 in shown
    assert [(each["type"], each["track_id"]) for each in told if each["t"] == "event"] == [
        ("appeared", 1),
        ("left", 1),
        ("appeared", 1),
    ]


def test_a_replay_tells_of_a_camera_that_died_what_the_live_tracker_told(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    watch, out = Door(bus_url, Scene(Walker(200, 150))), tmp_path / "door.rec"
    watch.announce()
    with (
        tracker(tmp_path, bus_url, store_url, RETURN_WITHIN_S="0"),
        recorder(tmp_path, bus_url, out) as recording,
    ):
        play(watch, (), range(1, 13))
        wait_for(lambda: len(events(store_url)) == 2, what="the leaving")
        # Two clocks measure: the recorder's, too, is to be past the limit.
        time.sleep(1)
        play(watch, (), range(13, 25))
        wait_for(lambda: len(events(store_url)) == 3, what="whoever is there when frames are back")
        recording.send_signal(signal.SIGINT)
        assert recording.wait(HUNG_S) == 0
    silent = [decode(entry.raw, Silence) for entry in read(out) if entry.key == "silence:door"]
    assert [each.camera for each in silent] == ["door"] * len(silent)
    assert all(each.lasted_s >= SHORTEST_S for each in silent)

    settings = ("--set", "return_within_s=0")
    first = replayed(tmp_path, out, *settings, PYTHONHASHSEED="1")
    assert replayed(tmp_path, out, *settings, PYTHONHASHSEED="2") == first
    told = [json.loads(line) for line in first.splitlines()]
    assert [(each["id"], each["at_ns"]) for each in told] == [(event.id, event.at_ns) for event in events(store_url)]
    assert [event.type for event in events(store_url)] == ["appeared", "left", "appeared"]
    standing = [json.loads(line) for line in replayed(tmp_path, out).splitlines()]
    assert [each["id"] for each in standing] == ["door-1-1-appeared"]


def refused_after_events(folder: Path, recording: Path, count: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "replay", str(recording)],
        env=environment(folder),
        capture_output=True,
        timeout=HUNG_S,
    )
    assert done.returncode == 2
    assert done.stderr.decode() == f"facewire: {recording}: is cut off after {count} entries\n"
    return done.stdout


def test_what_is_no_recording_or_no_setting_is_refused(tmp_path: Path) -> None:
    foreign, empty = tmp_path / "foreign.rec", tmp_path / "empty.rec"
    foreign.write_bytes(b"RIFF....AVI LIST")
    with writing(empty):
        pass
    assert refused(tmp_path, foreign) == f"facewire: {foreign}: is no recording; scripts/record makes one"
    assert "cannot be read (No such file or directory)" in refused(tmp_path, tmp_path / "missing.rec")
    assert "with one of birth_score, bus_url," in refused(tmp_path, empty, "--set", "faces=3")
    assert "MAX_FACES: Must be greater than or equal to 1 and less than or equal to 50" in refused(
        tmp_path, empty, "--set", "max_faces=51"
    )
    assert replayed(tmp_path, empty) == b""


def test_entries_that_are_no_messages_are_left_out(tmp_path: Path) -> None:
    recording = tmp_path / "door.rec"
    with writing(recording) as writer:
        for key in ("frames:door", "detections:door", "letters:door", ""):
            writer.add(Entry(key, "1-0", b"\xff garbage"))
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "replay", str(recording)], env=environment(tmp_path), capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.count(b"message rejected") == 2


def test_a_recorder_ends_by_itself_and_says_where_nothing_came(tmp_path: Path, bus_url: str) -> None:
    out = tmp_path / "nothing.rec"
    with recorder(tmp_path, bus_url, out, "--seconds", "0.5") as recording:
        assert recording.wait(HUNG_S) == 2
        assert recording.stderr is not None
        said = recording.stderr.read()
    assert said.startswith("facewire: no camera's frames came over the bus, nothing is kept; ")
    assert not list(tmp_path.glob("*.rec*"))


@pytest.mark.parametrize(
    ("out", "url", "complaint"),
    [
        ("door.rec", "redis://127.0.0.1:9/0", "BUS_URL: no Redis answers there"),
        ("missing/door.rec", None, "missing/door.rec: cannot be written (No such file or directory)"),
    ],
)
def test_a_recorder_that_cannot_begin_says_why(
    tmp_path: Path, bus_url: str, out: str, url: str | None, complaint: str
) -> None:
    told = processes.refused(
        "record",
        tmp_path,
        command=("-m", "facewire.record", str(tmp_path / out)),
        BUS_URL=url or bus_url,
    )
    assert complaint in told


def test_the_script_finds_the_bus_of_the_local_run(tmp_path: Path) -> None:
    told = environment(tmp_path, TMPDIR=str(tmp_path))
    del told["BUS_URL"]
    (tmp_path / "facewire-x").mkdir()
    socket = tmp_path / "facewire-x" / "bus.sock"
    redis = [program("redis-server"), "--port", "0", "--unixsocket", str(socket), "--save", ""]
    with subprocess.Popen(redis, stdout=subprocess.DEVNULL, cwd=tmp_path) as server:
        try:
            wait_for(socket.exists, what="the bus")
            command = [str(ROOT / "scripts/record"), "--seconds", "0.2", "door.rec"]
            done = subprocess.run(command, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=HUNG_S)
        finally:
            server.terminate()
    assert done.returncode == 2
    assert "no camera's frames came over the bus" in done.stderr
