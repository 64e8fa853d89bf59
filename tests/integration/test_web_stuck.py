"""A Redis server or a worker that hangs: the page and `/healthz` are answered, and health tells the truth."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.integration.web_process import Web, ask, web
from tests.servers import redis_server, wait_for

AT_ONCE_S = 2.0
HANGING_S = 3.0


def redis_of(url: str) -> psutil.Process:
    """Return the server's process, which calls itself by its port."""
    port = url.rpartition(":")[2].partition("/")[0]
    (found,) = (child for child in psutil.Process().children() if f":{port}" in " ".join(child.cmdline()))
    return found


@contextmanager
def suspended(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Bus and store."""
    with (
        redis_server(tmp_path_factory.mktemp("bus")) as bus_url,
        redis_server(tmp_path_factory.mktemp("store")) as store_url,
    ):
        yield bus_url, store_url


@pytest.fixture(scope="module")
def dashboard(urls: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A dashboard with few threads."""
    with web(tmp_path_factory.mktemp("stuck"), *urls, MAX_VIEWERS="1") as made:
        yield made


@pytest.mark.parametrize(
    ("hanging", "paths"),
    [
        ("store", ["/api/events", "/api/decisions?limit=3", "/api/%65vents", "/events/1-1/snapshot.jpg"]),
        ("bus", ["/api/health", "/api/cameras", "/stream/door.mjpg", "/stream?cameras=door"]),
    ],
)
def test_a_hanging_server_holds_up_neither_the_page_nor_healthz(
    dashboard: Web, urls: tuple[str, str], hanging: str, paths: list[str]
) -> None:
    wait_for(dashboard.healthy, "health")
    workers = dashboard.workers()
    with suspended(redis_of(urls[("bus", "store").index(hanging)])), ExitStack() as lines:
        for number in range(60):
            lines.enter_context(ask(dashboard, paths[number % len(paths)]))
        end_s = time.monotonic() + HANGING_S
        while time.monotonic() < end_s:
            for path in ("/healthz", "/", "/static/app.js"):
                began_s = time.monotonic()
                assert dashboard.get(path).status == 200
                assert time.monotonic() - began_s < AT_ONCE_S, path
            time.sleep(0.1)
        wait_for(lambda: f"Redis '{hanging}'" in dashboard.verdict()[1], "health to name the server")
    wait_for(dashboard.healthy, "health again")
    assert dashboard.workers() == workers


def test_a_worker_that_stands_still_is_unhealthy_and_recovers(dashboard: Web) -> None:
    wait_for(dashboard.healthy, "health")
    (worker,) = dashboard.workers()
    with suspended(worker):
        wait_for(lambda: not dashboard.healthy(), "the stop to be told")
    wait_for(lambda: dashboard.healthy() and dashboard.answers(), "health again")
