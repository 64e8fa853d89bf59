"""Requests that need a Redis server share no threads with those that need none."""

import socket
from threading import Event

import pytest
from web.connections import Connection
from web.lanes import HEALTH, MAX_QUEUED, PAGE, STORE, Job, Lane, Lanes

THREADS = 24


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("targets", "path"),
    [
        (["/healthz", "/healthz?x=1", "/facewire/healthz", "http://pi.local/healthz", "/%68ealthz"], HEALTH),
        (["/", "/?x=/api/events", "/below/", "/static/app.js", "/below/static/style.css", "/static/icon.svg"], PAGE),
        (
            ["/api/events", "/api/events?limit=3", "/b/api/decisions", "/events/1-1/snapshot.jpg", "/api/%65vents"],
            STORE,
        ),
    ],
)
def test_requests_are_told_apart_by_the_end_of_their_path(targets: list[str], path: object) -> None:
    lanes = Lanes(THREADS)
    assert {lanes.choose(request(target)).path for target in targets} == {path}


@pytest.mark.parametrize(
    "target", ["/stream", "/stream/a.mjpg", "/api/health", "/static/stream", "/static/api/health", "*", "/x?/healthz"]
)
def test_other_requests_take_no_thread_of_these(target: str) -> None:
    lane = Lanes(THREADS).choose(request(target))
    assert lane.path not in (HEALTH, PAGE, STORE)
    assert lane.most_threads == 14


@pytest.mark.parametrize(
    "garbage", [b"", b"\r\n\r\n", b"GET", b"\x00 \xff%zz HTTP/1.1\r\n\r\n", b"GET  / HTTP/1.1\r\n"]
)
def test_garbage_has_a_lane_too(garbage: bytes) -> None:
    assert Lanes(THREADS).choose(garbage).most_threads > 0


def test_a_lane_takes_a_bounded_number_of_requests() -> None:
    ends, release = socket.socketpair(), Event()
    job = Job(Connection(ends[0], "", ("", 0)), b"", 0.0)
    try:
        lane, served = Lanes(THREADS).choose(request("/api/events")), []

        def serve(own: Lane) -> None:
            release.wait()
            served.append(own.get())

        assert [lane.put(job, serve) for _ in range(lane.most_threads + MAX_QUEUED + 1)].count(False) == 1
        lane.answered()
        assert lane.put(job, serve)
        assert not lane.put(job, serve)
    finally:
        release.set()
        for end in ends:
            end.close()
    assert len(served) <= lane.most_threads
