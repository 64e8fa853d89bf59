"""The pictures that a home sees of a camera, and that there is none while it is private."""

import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewire import keys
from facewire.link import connect
from facewire.messages import Frame
from tests.integration.bridge import BASE, PRIVACY, Room, bridging, components, holds, kept, listening
from tests.integration.door import put
from tests.servers import wait_for


@pytest.mark.usefixtures("room")
def test_a_camera_shows_stills_and_nothing_while_it_is_private(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    bus, still = connect(bus_url), f"{BASE}/door/still"
    red = np.zeros((240, 320, 3), np.uint8)
    red[..., 2] = 200

    def shows(colour: tuple[int, int, int]) -> bool:
        seen = Image.open(BytesIO(home.latest(still))) if home.latest(still) else None
        return seen is not None and np.allclose(np.asarray(seen)[20, 20], colour, atol=6)

    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="0.3"):
        home.wait(PRIVACY, b"OFF")
        old = Frame("door", 1, time.time_ns() - 60_000_000_000, 320, 240, "bgr24", bytes(320 * 240 * 3))
        put(bus, keys.FRAMES, old)
        assert holds(lambda: home.payloads(still) == [], 1.0), "an old frame is not what is to be seen"
        put(bus, keys.FRAMES, replace(old, seq=2, captured_ns=time.time_ns(), data=red.tobytes()))
        wait_for(lambda: shows((200, 0, 0)), what="a still")
        home.publish(f"{PRIVACY}/set", b"ON")
        home.wait(PRIVACY, b"ON")
        wait_for(lambda: shows((24, 24, 24)), "the curtain")
        put(bus, keys.FRAMES, replace(old, seq=3, captured_ns=time.time_ns(), data=red.tobytes()))
        assert holds(lambda: shows((24, 24, 24)), 1.0)
        assert still not in kept(broker_port, "latecomer")


def test_a_camera_that_becomes_private_is_hidden_at_once_however_seldom_stills_come(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    still = f"{BASE}/door/still"
    # Again and again: a picture that is some seconds old is none.
    room.pictures = True
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="600"):
        home.wait(PRIVACY, b"OFF")
        for payload, size in ((b"ON", (640, 360)), (b"OFF", (8, 8))):
            home.publish(f"{PRIVACY}/set", payload)
            wait_for(lambda size=size: shown(home.latest(still)) == size, "a still")  # type: ignore[misc]


def shown(jpeg: bytes) -> tuple[int, int] | None:
    """Return the size of a picture; None if there is none."""
    return Image.open(BytesIO(jpeg)).size if jpeg else None


@pytest.mark.usefixtures("room")
def test_stills_can_be_left_out(tmp_path: Path, bus_url: str, store_url: str, broker_port: int) -> None:
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, STILL_EVERY_S="0"):
        home.wait(PRIVACY, b"OFF")
        assert "door_privacy" in components(home)
        assert "door_still" not in components(home)
