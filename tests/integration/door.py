"""A camera and its detector, played by a test: frames and detections go to the bus, tracks come back."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import redis

from facewire import keys, lookup
from facewire.boxes import iou
from facewire.codec import decode, encode
from facewire.link import connect
from facewire.messages import Detections, FaceEvent, Frame, Message, Tracks, Xyxy
from tests.servers import wait_for

DETECT_EVERY = 5


class Scene(Protocol):
    """What is in front of the camera, frame by frame."""

    camera: str

    def frame(self, index: int) -> Frame: ...
    def detections(self, index: int) -> Detections: ...
    def truth(self, index: int) -> list[Xyxy]: ...


def put(bus: redis.Redis, stream: keys.Stream, message: Message | bytes, camera: str = "door") -> None:
    """Append a message, or bytes that are none, as the services do."""
    raw = message if isinstance(message, bytes) else encode(message)
    fields: Any = {keys.FIELD: raw}
    entry_id = f"{message.seq}-0" if isinstance(message, Frame) else "*"
    bus.xadd(stream.key(camera), fields, id=entry_id, maxlen=stream.maxlen)


def entries(bus: redis.Redis, key: str, after: bytes | str, what: str, count: int | None = None) -> Any:
    """Wait for what comes after an entry, and return it: ids and fields."""
    got: list[Any] = []

    def came() -> bool:
        reply: Any = bus.xread({key: after}, count=count, block=500)
        got.extend(reply[0][1] if reply else ())
        return bool(got)

    wait_for(came, what)
    return got


def are_reading(bus_url: str, readers: int) -> bool:
    """Say whether so many clients wait for entries: what comes now, none of them misses."""
    clients: Any = connect(bus_url).client_list()
    return len([client for client in clients if client["cmd"] == "xread" and "b" in client["flags"]]) >= readers


@dataclass(slots=True)
class Door:
    """Plays a scene, and sees what the tracker makes of it.

    Args:
        url: the bus.
        scene: what is to be seen.
        seen: the tracks of all frames so far.
    """

    url: str
    scene: Scene
    seen: list[Tracks] = field(default_factory=list)
    _after: bytes | str = "0"

    def announce(self) -> None:
        """Let the tracker find the camera; a new bus has no tracks yet."""
        connect(self.url).zadd(keys.CAMERAS, {self.scene.camera: time.time()})
        self._after = "0"

    def play(self, indices: Iterable[int], *, at_once: int = 1) -> None:
        """Publish frames, some at once, and wait for the tracks of each; every fifth frame is detected in."""
        bus, waiting = connect(self.url), list(indices)
        while waiting:
            now, waiting = waiting[:at_once], waiting[at_once:]
            self.publish(now)
            self.wait_for_tracks(now[-1])
            for index in now:
                if index % DETECT_EVERY == 0:
                    put(bus, keys.DETECTIONS, self.scene.detections(index), self.scene.camera)

    def publish(self, indices: Iterable[int]) -> None:
        """Publish frames so that the tracker finds all of them at once."""
        with connect(self.url).pipeline(transaction=True) as together:
            for index in indices:
                put(together, keys.FRAMES, self.scene.frame(index), self.scene.camera)
            together.execute()

    def wait_for_tracks(self, seq: int) -> Tracks:
        """Read tracks until those of a frame have come."""
        bus = connect(self.url)
        while not self.seen or self.seen[-1].seq != seq:
            what = f"tracks of frame {seq}; the last are of {self.seqs()[-3:]}"
            for entry_id, fields in entries(bus, keys.TRACKS.key(self.scene.camera), self._after, what):
                self._after = entry_id
                self.seen.append(decode(fields[keys.FIELD], Tracks))
        return self.seen[-1]

    def seqs(self) -> list[int]:
        return [tracks.seq for tracks in self.seen]

    def ids(self) -> set[int]:
        """Return the ids of all faces that were ever confirmed."""
        return {track.id for tracks in self.seen for track in tracks.tracks if track.state != "tentative"}

    def worst_iou(self, since: int) -> float:
        """Return how well the worst of all boxes fits, from a frame on."""
        fits = [_fit(self.scene.truth(tracks.seq), tracks) for tracks in self.seen if tracks.seq >= since]
        return min(fits)


def _fit(truth: list[Xyxy], tracks: Tracks) -> float:
    boxes = np.array([track.xyxy for track in tracks.tracks]).reshape(-1, 4)
    return float(iou(np.array(truth), boxes).max(axis=1, initial=0).min())


def events(store_url: str) -> list[FaceEvent]:
    """Return the stored events, oldest first."""
    return [stored.event for stored in reversed(lookup.latest_events(connect(store_url), 100))]
