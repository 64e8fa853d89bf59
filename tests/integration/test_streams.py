"""Streams over a real Redis: due frames only, newest first, in order, across restarts, and nothing malformed."""

import time
from pathlib import Path
from threading import Event
from typing import Any

import msgpack
import pytest
import redis

from facewire import keys, lookup
from facewire.heartbeat import Heartbeat
from facewire.link import Link, connect
from facewire.messages import Frame, Tracks
from facewire.metrics import Metrics
from facewire.streams import LOOK_FOR_CAMERAS_EVERY_S, Intake, Publisher, StreamReader, Wanted, announce, announced
from tests.integration.collector import Collector, is_reading
from tests.servers import free_port, redis_server, wait_for


def frame(seq: int, camera: str = "door") -> Frame:
    return Frame(camera, seq, time.time_ns(), 4, 2, "gray8", bytes(8))


def tracks(seq: int, camera: str = "door") -> Tracks:
    return Tracks(camera, seq, time.time_ns(), ())


@pytest.fixture
def frames(bus: Link, metrics: Metrics) -> Publisher:
    announce(bus, "door")
    return Publisher(bus, keys.FRAMES, metrics)


def dropped(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": reason}) or 0.0


def rejected(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("facewire_test_rejected_total", {"reason": reason}) or 0.0


def reader(url: str, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, *wanted: Wanted) -> StreamReader:
    return StreamReader(Link(connect(url), "bus", heartbeat, metrics), intake, metrics, wanted)


def test_only_due_frames_are_read(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    every_fifth = Wanted(keys.FRAMES, newest=True, every=5)
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, every_fifth).messages(stop))
    for seq in range(1, 41):
        frames.publish(frame(seq))
        # In step, since a reader that is late takes a later one.
        collector.wait(1 + (seq - 1) // 5)
    assert [message.seq for message in collector.got] == [1, 6, 11, 16, 21, 26, 31, 36]


def test_frames_that_are_not_due_do_not_cross_the_wire(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    every_tenth = Wanted(keys.FRAMES, newest=True, every=10)
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, every_tenth).messages(stop))
    frames.publish(frame(1))
    collector.wait(1)
    client: Any = redis.Redis.from_url(bus_url)
    before = client.info("stats")["total_net_output_bytes"]
    big = 200_000
    for seq in range(2, 12):
        frames.publish(padded(seq, big))
    collector.wait(2)
    spent = client.info("stats")["total_net_output_bytes"] - before
    assert spent < 2 * big


def padded(seq: int, size_bytes: int) -> Frame:
    return Frame("door", seq, 1, 1000, size_bytes // 1000, "gray8", bytes(size_bytes))


def test_a_late_reader_skips_to_the_newest_and_counts_it(
    bus: Link, frames: Publisher, intake: Intake, metrics: Metrics, stop: Event
) -> None:
    for seq in range(1, 21):
        frames.publish(frame(seq))
    first = next(StreamReader(bus, intake, metrics, [Wanted(keys.FRAMES, newest=True, backlog=3)]).messages(stop))
    assert isinstance(first, Frame)
    assert first.seq == 20
    assert dropped(metrics, "late") == 19


def test_the_frame_stream_keeps_exactly_its_length(bus_url: str, frames: Publisher) -> None:
    for seq in range(1, 101):
        frames.publish(frame(seq))
    client: Any = redis.Redis.from_url(bus_url)
    assert client.xlen("frames:door") == keys.FRAMES.maxlen
    assert frames.newest_seq("door") == 100


@pytest.mark.parametrize("how", ["trimmed", "deleted"])
def test_a_stream_that_was_emptied_counts_on(bus_url: str, frames: Publisher, how: str) -> None:
    assert frames.newest_seq("door") == 0
    frames.publish(frame(100))
    client: Any = redis.Redis.from_url(bus_url)
    if how == "trimmed":
        client.xtrim("frames:door", 0)
    else:
        client.xdel("frames:door", "100-0")
    assert client.xlen("frames:door") == 0
    assert frames.newest_seq("door") == 100
    assert frames.publish(frame(101))


def test_a_key_that_is_no_stream_is_said(bus_url: str, frames: Publisher) -> None:
    client: Any = redis.Redis.from_url(bus_url)
    client.set("frames:door", "text")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        frames.newest_seq("door")


def test_a_reader_goes_on_where_it_was_in_a_stream_that_was_trimmed_to_nothing(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    every_tenth = Wanted(keys.FRAMES, newest=True, every=10)
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, every_tenth).messages(stop))
    frames.publish(frame(1000))
    collector.wait(1)
    client: Any = redis.Redis.from_url(bus_url)
    client.xtrim("frames:door", 0)
    calls = "cmdstat_xinfo|stream"
    before = client.info("commandstats").get(calls, {"calls": 0})["calls"]
    wait_for(lambda: client.info("commandstats").get(calls, {"calls": 0})["calls"] > before, "a look at the stream")
    frames.publish(frame(1001))
    frames.publish(frame(1010))
    assert [message.seq for message in collector.wait(2)] == [1000, 1010]


def test_a_stream_that_was_deleted_and_began_again_is_read_from_its_start(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, Wanted(keys.FRAMES, newest=True)).messages(stop))
    frames.publish(frame(1000))
    collector.wait(1)
    client: Any = redis.Redis.from_url(bus_url)
    client.delete("frames:door")
    frames.publish(frame(1))
    assert [message.seq for message in collector.wait(2)] == [1000, 1]


def test_in_order_reading_loses_nothing_and_begins_now(
    bus_url: str, frames: Publisher, bus: Link, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    publisher = Publisher(bus, keys.TRACKS, metrics)
    publisher.publish(tracks(1))
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, Wanted(keys.TRACKS)).messages(stop))
    wait_for(lambda: is_reading(bus_url), "the reader")
    for seq in range(2, 52):
        publisher.publish(tracks(seq))
    assert [message.seq for message in collector.wait(50)] == list(range(2, 52))
    assert frames.newest_seq("door") == 0


def test_a_camera_that_comes_later_is_found(
    bus_url: str, frames: Publisher, bus: Link, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, Wanted(keys.FRAMES, newest=True)).messages(stop))
    frames.publish(frame(1))
    collector.wait(1)
    announce(bus, "hall")
    frames.publish(frame(1, "hall"))
    wait_for(lambda: {"door", "hall"} == {message.camera for message in collector.got}, "the second camera")
    assert announced(bus, stop) == ["door", "hall"]


def test_what_is_no_cameras_name_is_passed_over_and_the_others_are_read(
    bus_url: str, bus: Link, intake: Intake, metrics: Metrics, frames: Publisher, stop: Event
) -> None:
    for name in (b"\xff", b"", b"Front door", b"a:b"):
        connect(bus_url).zadd(keys.CAMERAS, {name: time.time()})
    assert announced(bus, stop) == ["door"]
    frames.publish(frame(1))
    messages = StreamReader(bus, intake, metrics, [Wanted(keys.FRAMES, newest=True)]).messages(stop)
    assert next(messages).camera == "door"


def test_malformed_entries_are_counted_and_good_ones_pass(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    collector = Collector(
        reader(bus_url, intake, metrics, heartbeat, Wanted(keys.FRAMES, newest=True, backlog=9)).messages(stop)
    )
    client: Any = redis.Redis.from_url(bus_url)
    frames.publish(frame(1))
    collector.wait(1)
    client.xadd("frames:door", {"m": b"garbage"}, id="2-0")
    client.xadd("frames:door", {"other": b"x"}, id="3-0")
    client.xadd("frames:door", {"m": msgpack.packb({"v": 9, "t": "frame"})}, id="4-0")
    frames.publish(frame(5))
    assert [message.seq for message in collector.wait(2)] == [1, 5]
    assert rejected(metrics, "not_msgpack") == 2
    assert rejected(metrics, "version") == 1


def test_reader_and_publisher_outlive_a_restart_that_loses_everything(
    tmp_path: Path, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    port = free_port()
    link = Link(connect(f"redis://127.0.0.1:{port}/0"), "bus", heartbeat, metrics)
    frames = Publisher(link, keys.FRAMES, metrics)
    wanted = Wanted(keys.FRAMES, newest=True, every=5)
    with redis_server(tmp_path, port=port) as url:
        announce(link, "door")
        collector = Collector(reader(url, intake, metrics, heartbeat, wanted).messages(stop))
        frames.publish(frame(1000))
        collector.wait(1)
    assert not frames.publish(frame(1001))
    assert dropped(metrics, "frames_unpublished") == 1
    # Whichever of the two noticed it first tells it.
    wait_for(lambda: "Redis 'bus'" in (tmp_path / "test.json").read_text(encoding="utf-8"), "the loss to be told")
    with redis_server(tmp_path, port=port):
        # Capture was restarted too: it counts from one again.
        announce(link, "door")
        frames.publish(frame(1))
        collector.wait(2)
        assert collector.got[-1].seq == 1


def test_a_full_server_drops_frames_and_counts_them(bus_url: str, frames: Publisher, metrics: Metrics) -> None:
    client: Any = redis.Redis.from_url(bus_url)
    client.config_set("maxmemory", "1mb")
    client.config_set("maxmemory-policy", "noeviction")
    assert not frames.publish(padded(1, 3_000_000))
    assert dropped(metrics, "frames_unpublished") == 1
    client.config_set("maxmemory", "0")
    assert frames.publish(frame(2))


def test_a_frame_is_looked_up_by_its_seq(bus: Link, frames: Publisher) -> None:
    frames.publish(frame(7))
    found = bus.once(lambda client: lookup.frame(client, "door", 7))
    assert found is not None
    assert found.seq == 7
    assert bus.once(lambda client: lookup.frame(client, "door", 8)) is None


def test_a_camera_that_was_announced_by_a_clock_that_was_ahead_is_gone(bus: Link, stop: Event) -> None:
    now_s = time.time()
    names = {"door": now_s + 30, "hall": now_s + 7200, "yard": now_s - 7200}
    bus.once(lambda client: client.zadd(keys.CAMERAS, names))
    assert announced(bus, stop) == ["door"]


def test_a_camera_is_read_on_until_it_is_announced_by_the_new_clock(
    bus_url: str, frames: Publisher, intake: Intake, metrics: Metrics, heartbeat: Heartbeat, stop: Event
) -> None:
    collector = Collector(reader(bus_url, intake, metrics, heartbeat, Wanted(keys.FRAMES)).messages(stop))
    wait_for(lambda: is_reading(bus_url), "the reader")
    # The clock is two hours ahead from now on; readers look for cameras every two seconds.
    connect(bus_url).zadd(keys.CAMERAS, {"door": time.time() - 7200})
    time.sleep(LOOK_FOR_CAMERAS_EVERY_S + 0.5)
    for seq in (1, 2, 3):
        frames.publish(frame(seq))
    collector.wait(3)
    assert [message.seq for message in collector.got] == [1, 2, 3]
