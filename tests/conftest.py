"""Fixtures that all tests share: real servers, and a service's surroundings."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import hypothesis
import pytest

from facewire import redaction
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from facewire.streams import Intake
from tests.servers import mosquitto, redis_server

# No deadline: how long an example takes says more of the host than of the code, and benchmarks measure that.
# In CI the same examples in each run: a change fails for what it changes, not for an old fault that chance finds then.
# Whoever develops looks at others each time, and gets a line that repeats what was found.
hypothesis.settings.register_profile(
    "facewire",
    hypothesis.settings.get_profile("ci" if "CI" in os.environ else "default"),
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("facewire")


@pytest.fixture(autouse=True)
def known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test's secrets are known in the next."""
    monkeypatch.setattr(redaction, "_known", frozenset())


@pytest.fixture
def bus_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server that keeps nothing."""
    with redis_server(tmp_path) as url:
        yield url


@pytest.fixture
def store_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server that writes every entry to disk."""
    folder = tmp_path / "store"
    folder.mkdir()
    with redis_server(folder, append_only=True) as url:
        yield url


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    """An MQTT broker."""
    folder = tmp_path / "mqtt"
    folder.mkdir()
    with mosquitto(folder) as port:
        yield port


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a service called `test`."""
    return Metrics("test")


@pytest.fixture
def heartbeat(tmp_path: Path, metrics: Metrics) -> Heartbeat:
    """A heartbeat without a watchdog."""
    return Heartbeat("test", tmp_path, metrics, watchdog_s=None)


@pytest.fixture
def intake(metrics: Metrics) -> Intake:
    """Decodes and counts."""
    return Intake(metrics, open_log("test"))


@pytest.fixture
def bus(bus_url: str, heartbeat: Heartbeat, metrics: Metrics) -> Link:
    """A link to a fresh bus."""
    return Link(connect(bus_url), "bus", heartbeat, metrics)


@pytest.fixture
def stop() -> Iterator[Event]:
    """Ends loops that a test started, at the latest when the test ends."""
    event = Event()
    yield event
    event.set()
