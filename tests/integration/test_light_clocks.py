"""A light goes off after its time by the steady clock, whatever is done to the wall clock; real Redis."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import pytest
from iot_bridge.rules.lights import LightsOff, longest_on_s
from iot_bridge.rules.model import Device, Light, Rule, Rulebook, SetLight, When

from facewire import keys
from facewire.clock import Now
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.metrics import Metrics
from tests.servers import redis_server

HALL = Device("zigbee2mqtt", "hall")
BOOK = Rulebook(
    rules=(Rule("x", When(("left",)), (SetLight("hall", on=True, off_after_s=20),)),),
    lights={"hall": Light("hall", HALL)},
)
JUMPS_S = [7200.0, -7200.0, 86_400.0 * 9, -86_400.0 * 9, -1.6e9, 3.0]


@dataclass(slots=True)
class House:
    """A store, clocks of which one is set, and the lights as one run of the bridge after the other knows them."""

    link: Link
    moment: Now = field(default_factory=lambda: Now(1_700_000_000.0, 5000.0, "boot"))
    lights: LightsOff = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.lights = LightsOff(self.link, lambda device: longest_on_s(BOOK, device), lambda: self.moment)

    def go(self, seconds: float, jump_s: float = 0.0) -> None:
        now = self.moment
        self.moment = Now(now.wall_s + seconds + jump_s, now.steady_s + seconds, now.boot)

    def reboot(self, jump_s: float) -> None:
        self.moment = Now(self.moment.wall_s + jump_s, 10.0, "another boot")
        self.restart()

    def turn_on(self, seconds: float | None) -> None:
        self.lights.plan({HALL: seconds}, Event())

    def off(self) -> bool:
        return self.lights.due() == [HALL]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("store")) as url:
        yield url


@pytest.fixture
def house(store: str, heartbeat: Heartbeat, metrics: Metrics) -> House:
    connect(store).flushall()
    return House(Link(connect(store), "store", heartbeat, metrics))


@pytest.mark.parametrize("jump_s", JUMPS_S)
@pytest.mark.parametrize("restarts", [False, True])
def test_a_set_clock_neither_shortens_nor_lengthens_the_time(house: House, jump_s: float, *, restarts: bool) -> None:
    house.turn_on(20)
    assert not house.off()
    house.go(5, jump_s)
    if restarts:
        house.restart()
    assert not house.off()
    house.go(14.9)
    assert not house.off()
    house.go(0.2)
    assert house.off()
    house.lights.done([HALL], Event())
    assert not house.off()


@pytest.mark.parametrize("jump_s", [0.0, *JUMPS_S])
def test_after_a_reboot_no_light_stays_on_for_longer_than_it_was_meant_to(house: House, jump_s: float) -> None:
    house.turn_on(20)
    house.go(5)
    house.reboot(jump_s)
    # The bridge looks twice a second from its start on.
    house.off()
    house.go(20.1)
    assert house.off()


@pytest.mark.parametrize("ahead_s", [20.0, 86_400.0, 1.6e9])
def test_what_an_earlier_release_kept_is_bounded_by_the_rule(house: House, ahead_s: float) -> None:
    house.link.once(lambda each: each.zadd(keys.LIGHTS_OFF, {b'["zigbee2mqtt","hall"]': house.moment.wall_s + ahead_s}))
    assert not house.off()
    house.go(20.1)
    assert house.off()


def test_the_last_word_counts_and_nothing_is_left(house: House) -> None:
    house.turn_on(20)
    house.go(15)
    house.turn_on(20)
    house.go(10)
    assert not house.off()
    house.turn_on(None)
    house.go(100)
    assert not house.off()
    house.turn_on(1)
    house.go(2)
    assert house.off()
    house.lights.done([HALL], Event())
    assert house.link.once(lambda client: client.exists(keys.LIGHTS_OFF, keys.LIGHTS_OFF_STEADY)) == 0


def test_an_entry_that_is_no_light_holds_up_no_other(house: House) -> None:
    house.link.once(lambda client: client.zadd(keys.LIGHTS_OFF, {b"{": 1, b'["hue","x"]': 1, b"\xff": 1}))
    house.turn_on(1)
    house.go(2)
    assert house.off()
