"""A link over a real Redis: its absence, its full memory and its full disk are weather, noticed and waited out."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import redis

from facewire.health import verdict
from facewire.heartbeat import Heartbeat
from facewire.link import Link, RedisAwayError, connect
from facewire.metrics import Metrics
from tests.processes import FickleRedis, fickle_redis
from tests.servers import HUNG_S, free_port, wait_for


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FickleRedis]:
    """A server that is away."""
    with fickle_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def link(server: FickleRedis, heartbeat: Heartbeat, metrics: Metrics) -> Link:
    return Link(connect(server.url), "bus", heartbeat, metrics)


def ping(client: redis.Redis) -> bool:
    return bool(client.ping())


def write(client: redis.Redis) -> bool:
    return bool(client.set("key", bytes(2_000_000)))


def away(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("facewire_test_errors_total", {"kind": "bus_away"}) or 0.0


def says(folder: Path) -> str:
    return verdict("test", folder, time.time())[1]


def test_a_server_that_is_away_is_said_and_counted(tmp_path: Path, link: Link, metrics: Metrics) -> None:
    with pytest.raises(RedisAwayError):
        link.once(ping)
    assert says(tmp_path).startswith("test: waiting for Redis 'bus' (")
    assert away(metrics) == 1


def test_a_server_that_comes_back_is_used_again_at_once(
    tmp_path: Path, server: FickleRedis, link: Link, metrics: Metrics
) -> None:
    for turn in (1, 2):
        server.come()
        assert link.once(ping)
        assert says(tmp_path) == "test: healthy"
        server.go()
        with pytest.raises(RedisAwayError):
            link.once(ping)
        assert "Redis 'bus'" in says(tmp_path)
        assert away(metrics) == turn


def test_one_server_back_does_not_hide_that_another_is_away(
    tmp_path: Path, server: FickleRedis, link: Link, heartbeat: Heartbeat, metrics: Metrics
) -> None:
    store = Link(connect(f"redis://127.0.0.1:{free_port()}/0"), "store", heartbeat, metrics)
    for each in (link, store):
        with pytest.raises(RedisAwayError):
            each.once(ping)
    server.come()
    link.once(ping)
    assert says(tmp_path).startswith("test: waiting for Redis 'store' (")


def test_patience_outlasts_the_absence_and_brings_the_result(
    server: FickleRedis, link: Link, metrics: Metrics, stop: Event
) -> None:
    results: list[bool | None] = []
    waiting = Thread(target=lambda: results.append(link.patiently(ping, stop)), daemon=True)
    waiting.start()
    wait_for(lambda: away(metrics) > 2, what="some attempts")
    assert results == []
    server.come()
    waiting.join(HUNG_S)
    assert results == [True]


def test_patience_asks_ever_more_seldom_and_beats_meanwhile(
    tmp_path: Path, link: Link, metrics: Metrics, stop: Event
) -> None:
    started_s = time.time()
    Thread(target=link.patiently, args=(ping, stop), daemon=True).start()
    # It is counted before it is told.
    wait_for((tmp_path / "test.json").exists, what="the first beat")

    def told_s() -> float:
        at_s: float = json.loads((tmp_path / "test.json").read_text(encoding="utf-8"))["at_s"]
        return at_s

    wait_for(lambda: told_s() > started_s + 2.5, what="beats")
    # Without waiting there would be thousands.
    assert 4 <= away(metrics) <= 12


def test_patience_ends_with_nothing_when_told_to_stop(link: Link, metrics: Metrics, stop: Event) -> None:
    results: list[bool | None] = []
    waiting = Thread(target=lambda: results.append(link.patiently(ping, stop)), daemon=True)
    waiting.start()
    wait_for(lambda: away(metrics) > 0, what="an attempt")
    stop.set()
    waiting.join(HUNG_S)
    assert results == [None]


def test_full_memory_is_weather(tmp_path: Path, server: FickleRedis, link: Link, metrics: Metrics) -> None:
    server.come()
    admin = connect(server.url)
    admin.config_set("maxmemory-policy", "noeviction")
    admin.config_set("maxmemory", "1mb")
    with pytest.raises(RedisAwayError):
        link.once(write)
    assert "maxmemory" in says(tmp_path)
    assert away(metrics) == 1
    admin.config_set("maxmemory", "0")
    assert link.once(write)
    assert says(tmp_path) == "test: healthy"


def test_a_server_that_cannot_write_its_disk_is_weather(tmp_path: Path, server: FickleRedis, link: Link) -> None:
    server.come()
    admin: Any = connect(server.url)
    admin.config_set("save", "3600 1")
    shutil.rmtree(server.folder)
    admin.bgsave()
    wait_for(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", what="the write to fail")
    with pytest.raises(RedisAwayError):
        link.once(write)
    assert "MISCONF" in says(tmp_path)
    admin.config_set("stop-writes-on-bgsave-error", "no")
    assert link.once(write)
    assert says(tmp_path) == "test: healthy"
    # Else it would not end before it has saved.
    admin.config_set("save", "")


def test_a_server_that_is_frozen_is_given_up_on_in_time(server: FickleRedis, link: Link) -> None:
    server.come()
    admin = connect(server.url)
    assert link.once(ping)
    # No answer for longer than the socket's patience: as good as away.
    admin.client_pause(1000 * round(HUNG_S), all=True)
    with pytest.raises(RedisAwayError):
        link.once(ping)


def test_a_refusal_that_waiting_does_not_mend_is_no_weather(server: FickleRedis, link: Link, metrics: Metrics) -> None:
    server.come()
    link.once(lambda client: client.set("key", "text"))
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        link.once(lambda client: client.xlen("key"))
    assert away(metrics) == 0
