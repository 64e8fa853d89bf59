"""Decide what a camera's retained states are, from its tracks and the time that passes."""

from facewire.messages import Tracks
from iot_bridge.payloads import faces_publication
from iot_bridge.topics import Publication, Topics

SILENT_AFTER_S = 5.0
RETAINED = ("availability", "presence", "count", "snapshot")


class CameraState:
    """What was last said of one camera; only what changes is said again.

    Args:
        camera: its name.
        topics: names of topics.
        faces_hz: how often faces are told while there are some.
        off_after_s: how long nobody must be seen until presence is off.
    """

    def __init__(self, camera: str, topics: Topics, faces_hz: float, off_after_s: float) -> None:
        self._camera = camera
        self._topics = topics
        self._every_s = 1 / faces_hz
        self._off_after_s = off_after_s
        self._said: dict[str, str] = {}
        self._heard_s = self._seen_s = self._told_s = float("-inf")

    def expect(self, now_s: float) -> None:
        """Count its silence from now."""
        self._heard_s = now_s

    def update(self, tracks: Tracks, now_s: float) -> list[Publication]:
        """Take in the tracks of a frame; returns what is new."""
        self._heard_s = now_s
        count = sum(track.state != "tentative" for track in tracks.tracks)
        gone = not count and self._said.get("count", "0") != "0"
        if count:
            self._seen_s = now_s
        changes = [*self._say("availability", "online"), *self._presence(now_s), *self._say("count", str(count))]
        if gone or (count and now_s - self._told_s >= self._every_s):
            self._told_s = now_s
            changes.append(faces_publication(tracks, self._topics))
        return changes

    def tick(self, now_s: float) -> list[Publication]:
        """Let time pass; returns what is new: a camera that fell silent knows nothing any more."""
        if self.silent_s(now_s) < SILENT_AFTER_S:
            return []
        self._seen_s = float("-inf")
        return [*self._say("availability", "offline"), *self._say("presence", "OFF"), *self._say("count", "0")]

    def silent_s(self, now_s: float) -> float:
        """Return how long nothing was heard of it."""
        return now_s - self._heard_s

    def retained(self) -> list[Publication]:
        """Return all that was last said, for a broker that may have forgotten it."""
        return [self._publication(leaf, text) for leaf, text in self._said.items()]

    def erased(self) -> list[Publication]:
        """Return what makes the broker forget the camera, its last picture too."""
        return [self._publication(leaf, "") for leaf in RETAINED]

    def _presence(self, now_s: float) -> list[Publication]:
        here = now_s - self._seen_s <= self._off_after_s
        return self._say("presence", "ON" if here else "OFF")

    def _say(self, leaf: str, text: str) -> list[Publication]:
        if self._said.get(leaf) == text:
            return []
        self._said[leaf] = text
        return [self._publication(leaf, text)]

    def _publication(self, leaf: str, text: str) -> Publication:
        return Publication(self._topics.of(self._camera, leaf), text.encode(), retain=True)
