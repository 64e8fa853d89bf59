"""The frame around every service, as a real process: signals, errors, the operator's mistakes, a stuck loop."""

import json
import signal
import socket
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from facewire.link import connect
from tests import processes
from tests.places import ROOT
from tests.processes import SECRET, Running
from tests.servers import HUNG_S, free_port, wait_for

COMMAND = (str(ROOT / "tests/integration/tiny_service.py"),)


def tiny(folder: Path, body: str, **settings: str) -> AbstractContextManager[Running]:
    return processes.service("tiny", folder, command=COMMAND, BODY=body, **settings)


def refused(folder: Path, body: str = "wait", **settings: str) -> str:
    return processes.refused("tiny", folder, command=COMMAND, BODY=body, **settings)


def logged(service: Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.output().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("body", ["ping", "wait"])
def test_a_signal_ends_it_in_time_and_leaves_nothing(
    tmp_path: Path, bus_url: str, body: str, number: signal.Signals
) -> None:
    with tiny(tmp_path, body, BUS_URL=bus_url) as service:
        wait_for(lambda: connect(bus_url).exists("health:tiny:1") == 1, what="the heartbeat on the bus")
        service.end(number)
    assert connect(bus_url).exists("health:tiny:1") == 0
    assert [line["event"] for line in logged(service)] == ["started", "stopped"]


def test_a_signal_ends_it_whatever_it_does_at_that_moment(tmp_path: Path) -> None:
    # A handler that took the event's lock would meet its own thread holding it, more often than not.
    for _ in range(5):
        with tiny(tmp_path, "wait") as service:
            service.end()


def test_a_signal_ends_it_while_the_bus_is_away(tmp_path: Path) -> None:
    with tiny(tmp_path, "ping") as service:
        wait_for(lambda: "Redis 'bus'" in service.says(), what="the missing bus to be noticed")
        service.end()


def test_an_unforeseen_error_is_logged_and_counted_and_the_loop_goes_on(tmp_path: Path, bus_url: str) -> None:
    connect(bus_url).config_set("requirepass", SECRET)
    url = bus_url.replace("redis://", f"redis://default:{SECRET}@")
    with tiny(tmp_path, "fail_first", BUS_URL=url, METRICS_PORT=str(free_port())) as service:
        wait_for(service.healthy, what="the loop to go on")
        assert service.counted("errors", kind="ZeroDivisionError") == 1
    error = next(line for line in logged(service) if line["level"] == "error")
    assert error["event"] == "unforeseen error; going on"
    assert "in fail_first" in error["exception"]
    assert "ZeroDivisionError: cannot divide redis://127.0.0.1" in error["exception"]


def test_a_refused_password_is_waited_out_and_never_shown(tmp_path: Path, bus_url: str) -> None:
    # Who was connected before stays so.
    admin = connect(bus_url)
    admin.config_set("requirepass", "another")
    url = bus_url.replace("redis://", f"redis://:{SECRET}@")
    with tiny(tmp_path, "ping", BUS_URL=url, LOG_LEVEL="DEBUG", METRICS_PORT=str(free_port())) as service:
        wait_for(lambda: service.counted("errors", kind="bus_away") > 0, what="the refusal to be counted")
        wait_for(lambda: "waiting for Redis 'bus'" in service.says(), "the missing bus to be noticed")
        assert SECRET not in service.says()
        admin.config_set("requirepass", SECRET)
        wait_for(service.healthy, what="the bus")
        assert SECRET not in json.dumps(service.told())


@pytest.mark.parametrize("without_a_loop", ["", "yes"])
def test_the_operators_mistake_is_one_line(tmp_path: Path, without_a_loop: str) -> None:
    said = refused(tmp_path, "blame_the_operator", WITHOUT_A_LOOP=without_a_loop)

    assert said == "facewire: the cable is out: plug it in"
    assert list((tmp_path / "run").iterdir()) == []


def test_the_operators_mistake_ends_the_service_from_any_thread(tmp_path: Path, bus_url: str) -> None:
    assert refused(tmp_path, "blame_from_a_thread", BUS_URL=bus_url) == "facewire: the cable is out: plug it in"


def test_a_full_disk_is_the_operators_to_mend(tmp_path: Path) -> None:
    assert "the disk is full: free some space" in refused(tmp_path, "fill_the_disk")


def test_a_taken_port_for_metrics_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, METRICS_PORT=str(port))

    assert f"METRICS_PORT: 0.0.0.0:{port} cannot be used (Address already in use)" in said


@pytest.mark.parametrize("place", ["/proc/facewire", "{file}/run"])
def test_a_run_folder_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()

    said = refused(tmp_path, RUN_DIR=place.format(file=tmp_path / "file"))

    assert "RUN_DIR: cannot write there" in said


@pytest.mark.parametrize("password", [f"{SECRET}/x", f"{SECRET}]"])
def test_a_password_that_breaks_its_url_is_refused_and_not_shown(tmp_path: Path, password: str) -> None:
    for name in ("BUS_URL", "STORE_URL"):
        assert f"{name}: host or port cannot be read" in refused(tmp_path, **{name: f"redis://me:{password}@bus:6379"})


def test_a_stuck_loop_ends_its_process_and_shows_where(tmp_path: Path) -> None:
    with tiny(tmp_path, "get_stuck_here", WATCHDOG_S="0.5") as service:
        assert service.process.wait(HUNG_S) != 0
    assert "in get_stuck_here" in service.output()


def test_a_thread_that_may_wait_does_not_make_its_service_stuck(tmp_path: Path, bus_url: str) -> None:
    # The watchdog is wound up once a second, and a busy host may be late with it.
    with tiny(tmp_path, "let_a_camera_wait", BUS_URL=bus_url, STALE_S="0.5", WATCHDOG_S="5") as service:
        wait_for(service.healthy, what="the loop")
        with pytest.raises(subprocess.TimeoutExpired):
            service.process.wait(7)
        assert service.healthy()
