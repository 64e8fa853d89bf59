"""A local run is planned on free ports, and put into figures that add up."""

import socket
from pathlib import Path

import pytest

from runner import options, plan
from runner.observing import Seen, captured_at
from runner.summary import summarise


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert plan.free_port(port) not in (0, port)
    assert plan.free_port(port) == port


def test_every_service_gets_a_metrics_port_of_its_own(tmp_path: Path) -> None:
    asked = options.parse(["--camera", "rtsp://host/x"])
    planned = plan.make(asked, tmp_path, [*plan.PYTHON_SERVICES, "bus"])
    ports = [planned.environment[name]["METRICS_PORT"] for name in plan.PYTHON_SERVICES]
    assert len(set(ports)) == len(ports)
    assert {planned.mqtt_port, planned.web_port}.isdisjoint(map(int, ports))
    assert planned.environment["capture"]["CAMERA"] == "rtsp://host/x"
    assert Path(planned.environment["capture"]["CAMERAS_FILE"]).samefile(plan.ROOT / "config" / "cameras.yaml")
    assert Path(planned.environment["iot-bridge"]["RULES_FILE"]).samefile(plan.ROOT / "config" / "rules.yaml")


def test_a_duration_that_is_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("-3", "0", "soon", "nan", "inf"):
        with pytest.raises(SystemExit) as ended:
            options.parse(["--duration", wrong])
        assert ended.value.code == 2
        assert "for example 60" in capsys.readouterr().err


def test_a_summary_into_no_folder_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse(["--json-summary", str(tmp_path / "missing" / "summary.json")])
    assert ended.value.code == 2


def test_frames_without_tracks_are_lost_and_the_one_in_flight_is_not() -> None:
    seen = Seen(tracks_ms=[5.0] * 8, seqs={"door": [10, 11, 12, 15, 16, 17, 18, 19]})
    figures = summarise(seen, {"door": 20}, seconds=1.0, cpu_s=0.25, peak_mb={"capture": 80.0, "bus": 40.0})
    assert figures["frames"] == {"captured": 11, "detected": 0, "tracked": 8, "lost": 2}
    assert figures["fps"] == 8.0
    assert figures["cpu_cores"] == 0.25
    assert figures["peak_rss_mb"] == {"bus": 40.0, "capture": 80.0, "total": 80.0}


def test_a_run_that_saw_nothing_has_a_summary_too() -> None:
    figures = summarise(Seen(), {}, seconds=0.0, cpu_s=0.0, peak_mb={})
    assert figures["latency_ms"]["capture_to_mqtt"] == {"p50": None, "p95": None}
    assert figures["frames"]["captured"] == 0


@pytest.mark.parametrize(
    ("payload", "captured_ns"),
    [
        (b'{"captured_ns": 5}', 5),
        (b"{}", None),
        (b"ON", None),
        (b'{"captured_ns": "5"}', None),
        (b"{broken", None),
        (b"\xff\xd8\xff", None),
    ],
)
def test_only_json_that_names_its_frame_counts_for_latency(payload: bytes, captured_ns: int | None) -> None:
    assert captured_at(payload) == captured_ns
