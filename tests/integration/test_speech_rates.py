"""How often somebody is greeted, which Redis remembers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from iot_bridge.speech.rates import EVERYBODY_LIMIT, WINDOW_S, Rates

from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.metrics import Metrics
from tests.processes import fickle_redis


def rates(url: str, heartbeat: Heartbeat, metrics: Metrics, clock: Callable[[], float]) -> Rates:
    return Rates(Link(connect(url), "store", heartbeat, metrics), clock)


def test_nobody_is_greeted_again_too_soon_not_even_after_a_restart(
    tmp_path: Path, heartbeat: Heartbeat, metrics: Metrics
) -> None:
    now = [1_700_000_000.0]
    with fickle_redis(tmp_path / "store", append_only=True) as server:
        server.come()
        first = rates(server.url, heartbeat, metrics, lambda: now[0])
        assert first.claim("e1", "anna", 300) == "granted"
        assert first.claim("e1", "anna", 0) == "again", "one event greets once, however often it comes"
        assert first.claim("e2", "anna", 300) == "too_soon"
        assert first.claim("e3", "wei", 300) == "granted"
        server.go()
        server.come()
        second = rates(server.url, heartbeat, metrics, lambda: now[0])
        now[0] += 299
        assert second.claim("e4", "anna", 300) == "too_soon"
        now[0] += 1
        assert second.claim("e5", "anna", 300) == "granted"
        assert second.claim("e6", "", 300) == "granted"
        assert second.claim("e7", "", 300) == "too_soon", "who is not known is one"


def test_a_party_is_not_greeted_one_by_one(store_url: str, heartbeat: Heartbeat, metrics: Metrics) -> None:
    now = [1_700_000_000.0]
    greeted = rates(store_url, heartbeat, metrics, lambda: now[0])
    verdicts = [greeted.claim(f"e{number}", f"guest {number}", 300) for number in range(EVERYBODY_LIMIT + 3)]
    assert verdicts == ["granted"] * EVERYBODY_LIMIT + ["too_many"] * 3
    now[0] += WINDOW_S + 1
    assert greeted.claim("late", f"guest {EVERYBODY_LIMIT}", 300) == "granted", "who was not greeted may be later"


def test_what_is_remembered_does_not_grow_for_ever(store_url: str, heartbeat: Heartbeat, metrics: Metrics) -> None:
    now = [1_700_000_000.0]
    greeted = rates(store_url, heartbeat, metrics, lambda: now[0])
    for number in range(50):
        assert greeted.claim(f"e{number}", f"guest {number}", 60) == "granted"
        now[0] += 3600
    client: Any = connect(store_url)
    assert client.zcard("greetings") == 1
    assert client.zcard("greeted") == 24
