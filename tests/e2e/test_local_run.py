"""`scripts/run` as a newcomer runs it: faces with IDs in the stream and over MQTT, figures, and a clean end."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.clip import Score, judge
from tests.e2e.local import left_over, start, stop
from tests.e2e.stream import Part, parts
from tests.processes import END_WITHIN_S
from tests.servers import HUNG_S, wait_for

pytestmark = pytest.mark.e2e

DURATION_S = 60


@dataclass(frozen=True, slots=True)
class Watched:
    """All that one run showed to the outside."""

    code: int
    output: str
    pictures: list[Part]
    messages: list[MQTTMessage]
    summary: dict[str, Any]
    left_over: list[str]

    def json_messages(self, ending: str) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.messages if m.topic.endswith(ending) and m.payload.startswith(b"{")]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    summary = tmp_path_factory.mktemp("run") / "summary.json"
    run = start("--duration", str(DURATION_S), "--json-summary", str(summary))
    messages: list[MQTTMessage] = []
    listener = Client(CallbackAPIVersion.VERSION2)
    listener.on_connect = lambda client, *_: client.subscribe("#")
    listener.on_message = lambda _client, _userdata, message: messages.append(message)
    try:
        run.wait_until_up()
        listener.connect("127.0.0.1", run.mqtt_port)
        listener.loop_start()
        pictures = watch(f"{run.dashboard}stream/camera.mjpg", DURATION_S - 15)
        code = run.process.wait(DURATION_S)
    finally:
        listener.loop_stop()
        stop(run)
    return Watched(
        code, "".join(run.lines), pictures, messages, json.loads(summary.read_text(encoding="utf-8")), left_over()
    )


def watch(url: str, seconds: float) -> list[Part]:
    end_s, seen = time.monotonic() + seconds, []
    for part in parts(url):
        seen.append(part)
        if time.monotonic() > end_s:
            break
    return seen


@pytest.fixture(scope="module")
def score(watched: Watched) -> Score:
    return judge(watched.pictures)


def test_a_run_with_a_duration_ends_by_itself_and_well(watched: Watched) -> None:
    assert watched.code == 0, watched.output[-3000:]


def test_nothing_is_left_running(watched: Watched) -> None:
    assert watched.left_over == []


def test_well_visible_faces_are_followed(score: Score) -> None:
    assert score.visible > 200
    assert score.recall >= 0.95
    assert sorted(score.overlaps)[len(score.overlaps) // 2] >= 0.7


def test_boxes_are_on_faces(score: Score) -> None:
    assert score.precision >= 0.95


def test_an_id_belongs_to_one_person(score: Score) -> None:
    owners: dict[int, set[str]] = {}
    for person, ids in score.ids.items():
        for track_id in ids:
            owners.setdefault(track_id, set()).add(person)
    shared = {track_id: people for track_id, people in owners.items() if len(people) > 1}
    assert shared == {}


def test_the_summary_has_every_figure_and_they_are_sane(watched: Watched) -> None:
    summary = watched.summary
    assert set(summary["frames"]) == {"captured", "detected", "tracked", "lost"}
    assert 25 <= summary["fps"] <= 31
    assert summary["frames"]["lost"] <= 0.02 * summary["frames"]["captured"]
    assert summary["frames"]["detected"] >= summary["frames"]["captured"] / 7
    for name in ("capture_to_tracks", "capture_to_mqtt"):
        figures = summary["latency_ms"][name]
        assert 0 < figures["p50"] <= figures["p95"] < 500, name
    assert summary["faces_seen"] >= 4
    assert summary["mqtt_messages"] >= 20
    assert 0 < summary["cpu_cores"] < 2
    services = {"capture", "detector", "tracker", "iot-bridge", "web", "bus", "store", "mqtt", "total"}
    assert set(summary["peak_rss_mb"]) == services
    assert all(megabytes > 1 for megabytes in summary["peak_rss_mb"].values())


def test_people_who_come_and_go_are_told_once_over_mqtt(watched: Watched) -> None:
    events = watched.json_messages("/event")
    kinds = {event["event_type"] for event in events}
    assert {"appeared", "left"} <= kinds
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids))


def test_presence_and_snapshots_are_told_over_mqtt(watched: Watched) -> None:
    topics = {message.topic for message in watched.messages}
    assert any(topic.startswith("homeassistant/device/") and topic.endswith("/config") for topic in topics)
    assert any(topic.endswith("/availability") for topic in topics)
    snapshots = [message.payload for message in watched.messages if message.topic.endswith("/snapshot")]
    assert snapshots
    assert all(payload.startswith(b"\xff\xd8") for payload in snapshots)


def test_ctrl_c_ends_everything_in_time() -> None:
    run = start()
    try:
        run.wait_until_up()
    finally:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(END_WITHIN_S)
    assert left_over() == []


def test_a_file_that_is_no_video_ends_the_run_with_one_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no video", encoding="utf-8")
    run = start("--camera", str(text), "--duration", "30")
    assert run.process.wait(HUNG_S) == 2
    wait_for(lambda: run.printed("notes.txt") is not None, "the complaint")
    complaints = [line for line in run.lines if "facewire:" in line]
    assert len(complaints) == 1
    assert left_over() == []
