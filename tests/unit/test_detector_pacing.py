"""What the host allows: heat and load raise the frames per detection, say so, and do not make them swing."""

from pathlib import Path

import pytest
from detector import strain
from detector.cadence import Cadence
from detector.pacing import TOP_LEVEL, Band, Decision, Limit, decide, floor_of, floor_of_inference, throttle
from detector.settings import DetectorSettings
from detector.strain import SAMPLE_EVERY_S, Host, hottest
from hypothesis import given
from hypothesis import strategies as st

from facewire.heartbeat import Heartbeat
from facewire.messages import Frame, Wish
from facewire.metrics import Metrics
from tests.unit.scene import stamp

BAND = Band(rise=75, fall=70, top=83)


def wish(every: int = 2, at_most: int = 300, seq: int = 1) -> Wish:
    return Wish("door", seq, stamp(seq), every, at_most, "new motion")


def zone(folder: Path, number: int, kind: str, temperature: str) -> Path:
    made = folder / f"thermal_zone{number}"
    made.mkdir(parents=True, exist_ok=True)
    (made / "type").write_text(kind + "\n", encoding="ascii")
    (made / "temp").write_text(temperature + "\n", encoding="ascii")
    return made


@given(st.lists(st.floats(70, 74.9), min_size=1, max_size=40), st.integers(0, TOP_LEVEL))
def test_between_the_marks_nothing_changes(values: list[float], level: int) -> None:
    assert {throttle(level, value, BAND) for value in values} == {level}


def test_a_limit_rises_and_falls_a_step_at_a_time_and_is_at_its_top_at_once_where_it_burns() -> None:
    assert [throttle(level, 76, BAND) for level in range(TOP_LEVEL + 1)] == [1, 2, 3, 4, 4]
    assert [throttle(level, 69, BAND) for level in range(TOP_LEVEL + 1)] == [0, 0, 1, 2, 3]
    assert throttle(0, 84, BAND) == TOP_LEVEL
    assert throttle(3, None, BAND) == 0
    assert [floor_of(level) for level in range(TOP_LEVEL + 1)] == [1, 2, 4, 8, 16]


@given(st.floats(0.1, 2000), st.floats(1, 1000), st.integers(1, 16))
def test_detection_takes_at_most_half_the_time(spent_ms: float, frame_ms: float, cameras: int) -> None:
    floor = floor_of_inference(1, spent_ms, frame_ms, cameras)
    assert cameras * spent_ms / (floor * frame_ms) <= 0.5001
    # What trembles by a tenth does not move it.
    assert floor_of_inference(floor, 0.9 * spent_ms, frame_ms, cameras) <= floor
    assert floor_of_inference(floor, 0.95 * floor * 0.5 * frame_ms / cameras, frame_ms, cameras) == floor


@pytest.mark.parametrize(
    ("wished", "floors", "decided"),
    [
        (None, {}, Decision(5, "no tracker")),
        (wish(2), {}, Decision(2, "new motion")),
        (wish(300), {}, Decision(15, "new motion")),
        (wish(2), {"hot": 8, "busy host": 4}, Decision(8, "hot")),
        (wish(2), {"hot": 4, "slow inference": 7}, Decision(7, "slow inference")),
        (wish(2), {"hot": 16}, Decision(15, "hot")),
        (wish(2, at_most=6), {"hot": 16}, Decision(6, "hot")),
        (wish(9), {"hot": 8}, Decision(9, "new motion")),
        (None, {"busy host": 8}, Decision(8, "busy host")),
    ],
)
def test_the_strictest_limit_holds_and_no_face_is_lost_for_it(
    wished: Wish | None, floors: dict[Limit, int], decided: Decision
) -> None:
    assert decide(wished, floors, most=15) == decided


def test_the_hottest_processor_counts_and_nothing_else(tmp_path: Path) -> None:
    assert hottest(tmp_path / "none") is None
    zone(tmp_path, 0, "cpu-thermal", "61234")
    zone(tmp_path, 1, "x86_pkg_temp", "65000")
    zone(tmp_path, 2, "iwlwifi_1", "90000")
    zone(tmp_path, 3, "cpu-off", "-274000")
    zone(tmp_path, 4, "cpu-broken", "warm")
    (tmp_path / "thermal_zone5").mkdir()
    assert hottest(tmp_path) == 65.0


def test_load_is_that_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spent = iter([strain._Spent(100, 50, 10), strain._Spent(110, 55, 12), strain._Spent(130, 75, 18)])
    monkeypatch.setattr(strain, "_spent", lambda: next(spent))
    now = [0.0]
    host = Host(tmp_path, lambda: now[0], _before=strain._spent())
    first = host.sample()
    assert first is not None
    assert first.others_percent is None
    assert host.sample() is None
    now[0] = SAMPLE_EVERY_S
    second = host.sample()
    assert second is not None
    assert second.others_percent == pytest.approx(70)


def test_what_this_host_spends_is_sane() -> None:
    before, now = strain._spent(), strain._spent()
    assert 0 < before.own_s <= before.busy_s <= before.total_s
    assert now.total_s >= before.total_s


class Bench:
    """A cadence with a thermometer and a clock that the test moves, and the frames that it is told of."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.now_s, self.folder, self.metrics = 0.0, folder / "thermal", Metrics("detector")
        self.heartbeat = Heartbeat("detector", folder, self.metrics, watchdog_s=None, clock=lambda: self.now_s)
        told = DetectorSettings(thermal_dir=self.folder, detect_busy_percent=101, **settings)  # type: ignore[arg-type]
        host = Host(self.folder, lambda: self.now_s)
        self.cadence = Cadence(told, host, self.heartbeat, self.metrics, lambda: self.now_s)
        self._seq = 0

    def at(self, celsius: float, seconds: float = SAMPLE_EVERY_S, spent_ms: float = 5.0) -> int:
        zone(self.folder, 0, "cpu-thermal", str(int(celsius * 1000)))
        self.now_s += seconds
        self._seq += 1
        self.cadence.hear(wish(seq=self._seq))
        return self.cadence.detected(Frame("door", self._seq, stamp(self._seq), 1, 1, "gray8", b"\0"), spent_ms)

    def note(self) -> str:
        return self.heartbeat._notes.get("detect_every door", "")


def test_a_host_that_grows_hot_detects_more_seldom_says_so_and_recovers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert [bench.at(60), bench.at(76), bench.at(76), bench.at(76)] == [2, 2, 4, 8]
    assert bench.note() == "8 frames, hot"
    # Cooler, and not yet cool: it stays, however long that lasts.
    assert {bench.at(71 + index % 4) for index in range(20)} == {8}
    assert [bench.at(69), bench.at(69), bench.at(60)] == [4, 2, 2]
    assert bench.note() == "2 frames, new motion"
    assert bench.at(85) == 15
    value = bench.metrics.registry.get_sample_value
    assert value("facewire_detector_detect_every", {"camera": "door"}) == 15
    assert value("facewire_detector_detections_total", {"reason": "hot"}) == 23


def test_slow_inference_is_a_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(30):
        every = bench.at(50, spent_ms=80)
    assert every == 5
    assert bench.note() == "5 frames, slow inference"


def test_a_tracker_that_falls_silent_is_gone_without(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.at(50) == 2
    bench.now_s += 4
    assert bench.cadence.detected(Frame("door", 9, stamp(9), 1, 1, "gray8", b"\0"), 5.0) == 5
    assert bench.note() == "5 frames, no tracker"


def test_a_number_is_taken_as_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path, detect_every=7)
    assert bench.at(90) == 7
    assert bench.note() == "7 frames, as set"


def test_a_camera_that_is_gone_is_not_told_of(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.at(50)
    bench.now_s += 100
    bench.cadence.detected(Frame("hall", 1, stamp(1), 1, 1, "gray8", b"\0"), 5.0)
    assert bench.note() == ""
    assert bench.metrics.registry.get_sample_value("facewire_detector_detect_every", {"camera": "door"}) is None
