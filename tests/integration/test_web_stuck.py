"""A dashboard whose server answers nobody says so in its health, though its loops go round, and recovers."""

from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.integration.web_process import ask, web
from tests.servers import redis_server, wait_for


def redis_of(url: str) -> psutil.Process:
    """Return the server's process, which calls itself by its port."""
    port = url.rpartition(":")[2].partition("/")[0]
    (found,) = (child for child in psutil.Process().children() if f":{port}" in " ".join(child.cmdline()))
    return found


def test_a_server_without_a_free_thread_is_unhealthy_until_it_answers(tmp_path: Path) -> None:
    (bus, store) = (tmp_path / "bus", tmp_path / "store")
    bus.mkdir()
    store.mkdir()
    with (
        redis_server(bus) as bus_url,
        redis_server(store) as store_url,
        web(tmp_path, bus_url, store_url, MAX_VIEWERS="1") as dashboard,
        ExitStack() as lines,
    ):
        wait_for(dashboard.healthy, "health")
        redis_of(store_url).suspend()
        try:
            for _ in range(60):
                lines.enter_context(ask(dashboard, "/api/events"))
            wait_for(lambda: "its own HTTP server" in dashboard.verdict()[1], "the server to be found stuck")
        finally:
            redis_of(store_url).resume()
        wait_for(dashboard.healthy, "the server to answer again")
