"""Many cameras on the shipped bus: frames share its memory, and everything else always has room."""

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from facewire import keys
from facewire.frame_budget import LEAST_FRAMES
from facewire.link import connect
from facewire.messages import Tracks
from tests.integration.bussing import Host, lengths, shipped_bus
from tests.integration.filming import capturing
from tests.servers import free_port, wait_for

VGA, TALL, WIDE, LARGE = (640, 480), (640, 1138), (640, 180), (1920, 1080)


def named(*sizes: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return {f"c{number}": size for number, size in enumerate(sizes, start=1)}


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [
        ([VGA], 0),
        ([VGA] * 8, 0),
        ([VGA] * 16, 0),
        ([TALL] * 8, 0),
        ([WIDE] * 16, 0),
        ([TALL, WIDE, VGA, (640, 360)] * 4, 0),
        ([TALL] * 12, 2),
        ([LARGE] * 5 + [VGA], 1),
    ],
)
def test_frames_of_many_cameras_leave_room_for_all_else(
    tmp_path: Path, sizes: list[tuple[int, int]], refused: int
) -> None:
    with shipped_bus() as url:
        host = Host(url, tmp_path, named(*sizes))
        bus: Any = connect(url)
        # More than the bus holds, or than it may keep of any camera.
        host.film(min(34, 300_000_000 // sum(3 * width * height for width, height in sizes)))
        kept = lengths(url, host.sizes)
        assert len(host.refused) == refused
        assert sum(each >= LEAST_FRAMES for each in kept) == len(sizes) - refused
        memory = bus.info("memory")
        assert memory["used_memory"] < 0.8 * memory["maxmemory"]
        assert host.errors("bus_full") == 0
        assert host.tracks.publish(Tracks("c1", 1, 1, ()))


def test_cameras_of_two_hosts_share_one_bus(tmp_path: Path) -> None:
    with shipped_bus() as url:
        first = Host(url, tmp_path, {f"a{number}": TALL for number in range(8)})
        first.film(10)
        assert lengths(url, first.sizes) == [8] * 8
        second = Host(url, tmp_path, {f"b{number}": TALL for number in range(4)})
        second.film(2)
        first.look()
        assert (first.refused, second.refused) == ([], ["b2", "b3"])
        first.film(2)
        assert lengths(url, first.sizes) == [6] * 8


def test_a_camera_that_went_away_leaves_its_room_to_one_that_was_refused(tmp_path: Path) -> None:
    with shipped_bus() as url:
        bus: Any = connect(url)
        first = Host(url, tmp_path, {f"a{number}": TALL for number in range(10)})
        first.film(2)
        second = Host(url, tmp_path, {"b": TALL})
        second.film(2)
        assert second.refused == ["b"]
        # As if it had been silent for a minute.
        bus.zadd(keys.CAMERAS, {"a3": 1})
        second.film(2)
        assert second.refused == []
        assert lengths(url, ["a3"]) == [0]
        assert lengths(url, ["b"]) > [0]


def test_pictures_that_grow_are_shared_anew(tmp_path: Path) -> None:
    with shipped_bus() as url:
        host = Host(url, tmp_path, named(*[VGA] * 8))
        host.film(34)
        assert lengths(url, host.sizes) == [23] * 8
        host.sizes = named(*[VGA] * 7, LARGE)
        host.film(12)
        assert host.refused == []
        memory: Any = connect(url).info("memory")
        assert memory["used_memory"] < 0.8 * memory["maxmemory"]


def test_frames_give_way_to_other_keys_on_the_bus(tmp_path: Path) -> None:
    with shipped_bus() as url:
        bus: Any = connect(url)
        host = Host(url, tmp_path, named(*[VGA] * 4))
        host.film(34)
        for number in range(20):
            bus.set(f"foreign:{number}", bytes(8_000_000))
            host.look()
        host.film(2)
        assert host.tracks.publish(Tracks("c1", 1, 1, ()))
        host.heartbeat.ready()
        host.heartbeat.beat()
        assert bus.hget(keys.health("test", "1"), "healthy") == b"1"
        memory = bus.info("memory")
        assert memory["used_memory"] < memory["maxmemory"]
        assert max(lengths(url, host.sizes)) < 32


def test_a_bus_that_others_filled_at_once_still_takes_a_heartbeat_and_tracks(tmp_path: Path) -> None:
    with shipped_bus() as url:
        bus: Any = connect(url)
        host = Host(url, tmp_path, named(*[VGA] * 6))
        host.film(34)
        with suppress(redis.exceptions.OutOfMemoryError):
            for number in count():
                bus.set(f"foreign:{number}", bytes(1_000_000))
        host.heartbeat.waiting("something", "something")
        wait_for(lambda: told(host, bus) == b"0", "the heartbeat")
        assert host.tracks.publish(Tracks("c1", 1, 1, ()))
        assert sum(lengths(url, host.sizes)) > 0


def told(host: Host, bus: Any) -> Any:
    host.heartbeat.beat()
    return bus.hget(keys.health("test", "1"), "healthy")


def test_a_larger_bus_keeps_more_frames(tmp_path: Path) -> None:
    with shipped_bus("--maxmemory", "512mb") as url:
        host = Host(url, tmp_path, named(*[TALL] * 12))
        host.film(14)
        assert lengths(url, host.sizes) == [11] * 12


def test_capture_refuses_a_camera_by_name_and_admits_it_when_there_is_room(tmp_path: Path, video: Path) -> None:
    names = [f"c{number}" for number in range(1, 8)]
    with shipped_bus("--maxmemory", "12mb") as url:
        bus: Any = connect(url)
        told = {"CAMERAS": ",".join(f"{name}={video}" for name in names), "FRAME_FPS": "5"}
        with capturing(tmp_path, url, METRICS_PORT=str(free_port()), **told) as capture:
            wait_for(lambda: capture.says().count("has no room on the bus") == 2, "two cameras to be refused")
            refused = [name for name in names if f"camera {name} " in capture.says()]
            wait_for(
                lambda: all(f'"camera": "{name}"' in capture.output() for name in refused), "their names in the log"
            )
            others = [name for name in names if name not in refused]
            wait_for(lambda: min(lengths(url, others)) >= LEAST_FRAMES - 1, "the frames of the others")
            assert lengths(url, refused) == [0, 0]
            assert bus.hget(keys.health("capture", "1"), "healthy") == b"0"
            bus.config_set("maxmemory", "24mb")
            wait_for(lambda: min(lengths(url, names)) >= LEAST_FRAMES, "all cameras")
            wait_for(capture.healthy, "health")
            assert capture.counted("errors", kind="bus_full") == 0
