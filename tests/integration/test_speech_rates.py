"""How often somebody is greeted, which Redis remembers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from iot_bridge.speech.rates import EVERYBODY_LIMIT, WINDOW_S, Rates

from facewire.clock import Now
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.metrics import Metrics
from tests.processes import fickle_redis


def rates(url: str, heartbeat: Heartbeat, metrics: Metrics, wall_s: Callable[[], float], boot: str = "") -> Rates:
    """Return rates by a clock of which nobody knows the boot: after a restart the wall clock tells."""
    return Rates(Link(connect(url), "store", heartbeat, metrics), lambda: Now(wall_s(), wall_s() - 1e9, boot))


@dataclass(slots=True)
class Clocks:
    """Two clocks; only the wall clock is set."""

    moment: Now = field(default_factory=lambda: Now(1_700_000_000.0, 5000.0, "boot"))

    def __call__(self) -> Now:
        return self.moment

    def go(self, seconds: float, jump_s: float = 0.0, boot: str = "boot") -> None:
        self.moment = Now(self.moment.wall_s + seconds + jump_s, self.moment.steady_s + seconds, boot)


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0, 86_400.0 * 9, -1.6e9, 30.0])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_set_greets_nobody_again_and_silences_nobody(
    store_url: str, heartbeat: Heartbeat, metrics: Metrics, jump_s: float, *, restarts: bool
) -> None:
    clocks = Clocks()

    def started() -> Rates:
        return Rates(Link(connect(store_url), "store", heartbeat, metrics), clocks)

    greeted = started()
    assert greeted.claim("e1", "anna", 300) == "granted"
    clocks.go(10, jump_s)
    greeted = started() if restarts else greeted
    assert greeted.claim("e2", "anna", 300) == "too_soon"
    clocks.go(289)
    assert greeted.claim("e3", "anna", 300) == "too_soon"
    clocks.go(1)
    assert greeted.claim("e4", "anna", 300) == "granted"


def test_a_party_is_bounded_though_the_clock_is_set(store_url: str, heartbeat: Heartbeat, metrics: Metrics) -> None:
    clocks = Clocks()
    greeted = Rates(Link(connect(store_url), "store", heartbeat, metrics), clocks)
    clocks.go(WINDOW_S)
    for number in range(EVERYBODY_LIMIT):
        clocks.go(1, 7200 if number % 2 else -7200)
        assert greeted.claim(f"e{number}", f"guest {number}", 300) == "granted"
    assert greeted.claim("more", "one more", 300) == "too_many"
    clocks.go(WINDOW_S)
    assert greeted.claim("later", "one more", 300) == "granted"


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
