"""The compose file is the product: it builds, starts, shows faces, heals, and ends."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.compose.engine import require_engine
from tests.places import ROOT
from tests.servers import HUNG_S, free_port

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

PYTHON_SERVICES = ("capture", "detector", "tracker", "iot-bridge", "web")


class Stack:
    """One compose project, told apart from a user's own by its name and port."""

    def __init__(self) -> None:
        self.web_port = free_port()
        self._environment = os.environ | {
            "WEB_PORT": str(self.web_port),
            "COMPOSE_PROJECT_NAME": f"fwtest{os.getpid()}",
        }

    def compose(self, *arguments: str, timeout_s: float = 120) -> str:
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode:
            logs = ""
            if arguments[0] == "up":
                logs = subprocess.run(
                    ["docker", "compose", "logs", "--no-color", "--tail", "15"],
                    cwd=ROOT,
                    env=self._environment,
                    capture_output=True,
                    text=True,
                ).stdout
            pytest.fail(f"docker compose {' '.join(arguments)}: {done.stderr[-3000:]}\n{logs[-6000:]}")
        return done.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "-q", "--all", service).strip()
        found: list[dict[str, Any]] = json.loads(subprocess.check_output(["docker", "inspect", container]))
        return found[0]

    def messages(self, topic: str, count: int, seconds: int) -> list[str]:
        """Listen inside the network, as Home Assistant in another container would."""
        arguments = ("-t", topic, "-C", str(count), "-W", str(seconds), "-F", "%t %p")
        return self.compose("exec", "-T", "mqtt", "mosquitto_sub", *arguments).splitlines()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    require_engine()
    stack = Stack()
    try:
        stack.compose("build", timeout_s=1200)
        stack.compose("up", "--wait", "--no-build", timeout_s=240)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "8", timeout_s=120)


def eventually(truth: Callable[[], bool], timeout_s: float, what: str) -> None:
    end_s = time.monotonic() + timeout_s
    while not truth():
        assert time.monotonic() < end_s, f"waited {timeout_s} s for {what}"
        time.sleep(0.5)


def test_every_service_is_healthy(stack: Stack) -> None:
    for service in ("bus", "store", "mqtt", *PYTHON_SERVICES):
        assert stack.inspect(service)["State"]["Health"]["Status"] == "healthy", service


def test_faces_arrive_over_mqtt_inside_the_network(stack: Stack) -> None:
    lines = stack.messages("facewire/+/+/faces", count=2, seconds=60)
    faces = [face for line in lines for face in json.loads(line.split(" ", 1)[1])["faces"]]
    assert faces, lines
    assert all(face["id"] > 0 and len(face["xyxy"]) == 4 for face in faces)


def test_home_assistant_is_told_of_the_device(stack: Stack) -> None:
    (line,) = stack.messages("homeassistant/device/+/config", count=1, seconds=20)
    assert "binary_sensor" in line


def test_the_dashboard_answers_on_loopback_only(stack: Stack) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.web_port}/", timeout=HUNG_S) as page:
        assert page.status == 200
    published = {
        (service, bind["HostIp"])
        for service in ("bus", "store", "mqtt", *PYTHON_SERVICES)
        for binds in stack.inspect(service)["NetworkSettings"]["Ports"].values()
        for bind in binds or ()
    }
    assert published == {("web", "127.0.0.1")}


def test_the_stream_shows_jpegs(stack: Stack) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.web_port}/api/cameras", timeout=HUNG_S) as answer:
        listed = json.load(answer)
    (camera,) = [entry if isinstance(entry, str) else entry["name"] for entry in listed.get("cameras", listed)]
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.web_port}/stream/{camera}.mjpg", timeout=HUNG_S) as stream:
        assert b"\xff\xd8\xff" in stream.read(200_000)


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_containers_are_hardened(stack: Stack, service: str) -> None:
    container = stack.inspect(service)
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["LogConfig"]["Config"]["max-size"]
    assert container["Config"]["User"] not in ("", "root", "0")


def test_a_killed_service_returns_and_faces_go_on(stack: Stack) -> None:
    before = stack.inspect("tracker")
    # From the host: a container's first process is immune to its own SIGKILL, and `docker kill` counts as a stop.
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: stack.inspect("tracker")["RestartCount"] > before["RestartCount"], 30, "a restart")
    eventually(lambda: stack.inspect("tracker")["State"]["Health"]["Status"] == "healthy", 60, "health")
    assert stack.messages("facewire/+/+/faces", count=1, seconds=30)


def test_a_bus_that_returns_empty_is_filled_again(stack: Stack) -> None:
    before = stack.inspect("bus")
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: stack.inspect("bus")["RestartCount"] > before["RestartCount"], 30, "a restart")
    assert stack.messages("facewire/+/+/faces", count=1, seconds=60)


def test_stopping_takes_less_than_the_grace_period(stack: Stack) -> None:
    stack.compose("stop", "--timeout", "8", *PYTHON_SERVICES)
    # Who takes longer is killed, which is no clean end.
    for service in PYTHON_SERVICES:
        assert stack.inspect(service)["State"]["ExitCode"] == 0, service
