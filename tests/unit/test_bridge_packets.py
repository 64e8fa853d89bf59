"""What fits into the packets that a broker takes, and what is learned of a broker that does not tell."""

import random
from io import BytesIO
from pathlib import Path

import pytest
from iot_bridge.limits import PacketLimit
from iot_bridge.packets import LARGEST, SMALLEST_LIMIT, fitted, packet_size
from iot_bridge.payloads import faces_publication, health_publication
from iot_bridge.receipts import Receipt
from iot_bridge.stills import shrunk
from iot_bridge.topics import Publication
from PIL import Image

from facewire.health import Health
from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.messages import Track, Tracks
from facewire.metrics import Metrics
from tests.unit.home import TOPICS, fields


@pytest.fixture
def limit(tmp_path: Path, metrics: Metrics) -> PacketLimit:
    return PacketLimit(Heartbeat("iot-bridge", tmp_path, metrics, watchdog_s=None), metrics, open_log("test"))


def message(size: int) -> Publication:
    return Publication("a", bytes(size))


def test_a_message_below_the_limit_stays_as_it_is() -> None:
    assert fitted(message(100), packet_size(message(100))) == message(100)
    assert fitted(message(101), packet_size(message(100))) is None


def test_a_message_is_shrunk_only_if_it_then_fits() -> None:
    obedient = Publication("a", bytes(5000), shrink=bytes)
    boastful = Publication("a", bytes(5000), shrink=lambda most: bytes(most + 1))
    small = fitted(obedient, 2000)
    assert small is not None
    assert packet_size(small) == 2000
    assert fitted(boastful, 2000) is None


@pytest.mark.parametrize("most", [2000, 6000, 20_000])
def test_a_picture_is_made_smaller(most: int) -> None:
    out = BytesIO()
    Image.frombytes("RGB", (640, 480), random.Random(1).randbytes(640 * 480 * 3)).save(out, "JPEG")
    small = shrunk(out.getvalue(), most)
    assert small is not None
    assert len(small) <= most
    assert Image.open(BytesIO(small)).size[0] < 640


@pytest.mark.parametrize("picture", [b"", b"\xff\xd8\xff\xd9", b"\xff\xd8" + bytes(9000), b"GIF89a" + bytes(9000)])
def test_what_is_no_picture_cannot_be_made_smaller(picture: bytes) -> None:
    assert shrunk(picture, 2000) is None


def test_of_many_faces_the_largest_are_told() -> None:
    seen = tuple(Track(number, (0, 0, number, 9), 0.9, "confirmed", 9, (0, 0)) for number in range(1, 61))
    small = fitted(faces_publication(Tracks("door", 1, 1, seen), TOPICS), 6000)
    assert small is not None
    told = fields(small)
    assert len(told["faces"]) + told["left_out"] == 60
    assert told["faces"][0]["id"] == 60


def test_health_keeps_what_ails_a_service() -> None:
    ill = Health("tracker", "1", 0.0, healthy=False, waiting_for="frames", notes={"x": "y" * 9000})
    small = fitted(health_publication([ill], [], TOPICS), 2000)
    assert small is not None
    assert fields(small)["services"] == {"tracker": {"healthy": False, "waiting_for": "frames"}}


def cut(limit: PacketLimit, *sizes: int, told: bool = False) -> bool:
    return limit.cut_off([Receipt(message(size), 0.0) for size in sizes], told=told)


def test_a_limit_is_learned_of_two_losses_in_a_row_with_a_large_message(limit: PacketLimit) -> None:
    cut(limit, 100_000)
    assert limit.largest == LARGEST
    cut(limit, 100_000)
    assert 40_000 < limit.largest < 60_000
    cut(limit, 40_000, told=True)
    assert 15_000 < limit.largest < 25_000


def test_no_limit_is_guessed_that_keeps_events_back(limit: PacketLimit) -> None:
    for size in (3000, 3000, 2500, 2500, 2100, 2100):
        cut(limit, size)
    assert limit.largest == SMALLEST_LIMIT
    # But what the broker says itself counts.
    cut(limit, 500, told=True)
    assert limit.largest < 600


def test_losses_without_a_large_message_or_long_apart_teach_nothing(limit: PacketLimit) -> None:
    for _ in range(5):
        cut(limit, 300)
        cut(limit)
    for _ in range(5):
        cut(limit, 100_000)
        limit.stands()
    assert limit.largest == LARGEST
