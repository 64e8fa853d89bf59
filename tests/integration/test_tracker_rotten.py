"""Messages that make no sense, come too late or are of another kind change nothing in the tracker."""

from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np

from facewire import keys
from facewire.link import connect
from facewire.messages import Detections, Face, Frame
from tests.integration.door import put
from tests.integration.tracking import STANDING, door, tracker
from tests.servers import wait_for
from tests.unit.scene import NOWHERE, stamp


def rotten() -> Iterator[tuple[bytes, str]]:
    """Detections that cannot be, and as what each is counted."""
    face = {"xyxy": [10.0, 10.0, 20.0, 20.0], "score": 0.9, "landmarks": [[1.0, 1.0]] * 5}
    good = {"v": 1, "t": "detections", "camera": "door", "seq": 11, "captured_ns": stamp(11), "backend": "x"}
    good |= {"inference_ms": 1.0, "faces": [face]}
    changes: list[tuple[dict[str, object], str]] = [
        ({"v": 2}, "version"),
        ({"t": "tracks"}, "type"),
        ({"seq": "eleven"}, "wrong_type"),
        ({"faces": [face | {"xyxy": [float("nan"), 0.0, 1.0, 1.0]}]}, "insane"),
        ({"faces": [face | {"xyxy": [20.0, 20.0, 10.0, 10.0]}]}, "insane"),
        ({"faces": [{"score": 0.9}]}, "missing_key"),
        ({"backend": "x" * 2**18}, "oversized"),
    ]
    yield b"\xff garbage", "not_msgpack"
    yield from ((msgpack.packb(good | change), reason) for change, reason in changes)


def test_rotten_messages_are_counted_and_change_nothing(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 12))
        for raw, _ in rotten():
            put(bus, keys.DETECTIONS, raw)
        walk.play(range(12, 20))
        expected = [reason for _, reason in rotten()]
        for reason in set(expected):
            wait_for(
                lambda reason=reason: running.counted("rejected", reason=reason) == expected.count(reason),  # type: ignore[misc]
                what=reason,
            )
        assert running.counted("errors") == 0
    assert walk.ids() == {1}
    assert walk.worst_iou(since=12) > 0.8


def test_detections_of_a_frame_long_past_are_counted_and_change_nothing(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 51))
        far_away = Face((500.0, 300.0, 600.0, 400.0), 0.9, NOWHERE)
        put(bus, keys.DETECTIONS, Detections("door", 3, stamp(3), "late", 1.0, (far_away,)))
        walk.play(range(51, 61))
        assert running.counted("dropped", reason="stale_detections") == 1
    assert {track.id for seen in walk.seen for track in seen.tracks} == {1}


def test_frames_of_another_size_and_kind_are_gone_on_with(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 21))
        odd = [(320, 240, 3), (640, 480, 1), (1, 1, 1), (1279, 719, 3)]
        for seq, (width, height, channels) in enumerate(odd, start=21):
            data = np.random.default_rng(seq).integers(0, 255, width * height * channels, np.uint8).tobytes()
            put(
                bus,
                keys.FRAMES,
                Frame("door", seq, stamp(seq), width, height, "bgr24" if channels == 3 else "gray8", data),
            )
            walk.wait_for_tracks(seq)
        walk.play(range(25, 51))
        assert running.counted("errors") == 0
        assert running.healthy()
    assert walk.seqs() == list(range(1, 51))
    assert walk.seen[-1].tracks != ()
