"""Decide what a camera's retained states are, from its tracks and the time that passes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

from facewire.controls import Controls
from facewire.messages import FaceEvent, Tracks
from iot_bridge.event_age import age_s
from iot_bridge.payloads import (
    NO_ENTRY,
    faces_publication,
    last_face,
    packed,
    parse_entry,
    remembered_entry,
    remembered_face,
)
from iot_bridge.topics import Publication, Topics, zone_leaf

SILENT_AFTER_S = 5.0
STATUSES = ("watching", "privacy", "detection off", "silent")
RETAINED = ("availability", "presence", "count", "snapshot", "last_face", "status", "detection", "privacy")


class CameraState:
    """What was last said of one camera; only what changes is said again.

    Args:
        camera: its name.
        topics: names of topics.
        faces_hz: how often faces are told while there are some.
        off_after_s: how long nobody must be seen until presence is off.
        zones: what is marked in its picture.
        wall_ns: the wall clock.
    """

    def __init__(
        self,
        camera: str,
        topics: Topics,
        faces_hz: float,
        off_after_s: float,
        zones: Sequence[str] = (),
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._camera = camera
        self._topics = topics
        self._every_s = 1 / faces_hz
        self._off_after_s = off_after_s
        self._said: dict[str, str] = {}
        self._heard_s = self._seen_s = self._told_s = float("-inf")
        self._zone_seen_s = dict.fromkeys(zones, float("-inf"))
        self._wall_ns = wall_ns
        self._face_ns = 0
        self._face_entry = NO_ENTRY
        self._private = False
        self._detects = True

    def expect(self, now_s: float) -> None:
        """Count its silence from now."""
        self._heard_s = now_s

    def update(self, tracks: Tracks, now_s: float) -> list[Publication]:
        """Take in the tracks of a frame; returns what is new."""
        self._heard_s = now_s
        faces = [track for track in tracks.tracks if track.state != "tentative"]
        count = len(faces)
        gone = not count and self._said.get("count", "0") != "0"
        if count:
            self._seen_s = now_s
        changes = [*self._say("availability", "online"), *self._presence(now_s), *self._say("count", str(count))]
        changes += self._zones(Counter(zone for face in faces for zone in face.zones), now_s)
        changes += self._status(now_s)
        if gone or (count and now_s - self._told_s >= self._every_s):
            self._told_s = now_s
            changes.append(faces_publication(tracks, self._topics))
        return changes

    def tick(self, now_s: float) -> list[Publication]:
        """Let time pass; returns what is new: a camera that fell silent knows nothing any more."""
        if self.silent_s(now_s) < SILENT_AFTER_S:
            return []
        self._seen_s = float("-inf")
        self._zone_seen_s = dict.fromkeys(self._zone_seen_s, float("-inf"))
        gone = [*self._say("availability", "offline"), *self._say("presence", "OFF"), *self._say("count", "0")]
        return [*gone, *self._zones(Counter(), now_s), *self._status(now_s)]

    def obey(self, controls: Controls, now_s: float) -> list[Publication]:
        """Take in what the home has switched; returns what is new."""
        self._private = self._camera in controls.private
        self._detects = self._camera not in controls.undetected
        return self._status(now_s)

    def name(self, event: FaceEvent, entry_id: str = "") -> list[Publication]:
        """Publish the face of an `identified` or `unknown` event; earlier events change nothing.

        Args:
            event: the event.
            entry_id: its id on the stream, whose order no clock changes; empty where it is not known.
        """
        entry = parse_entry(entry_id)
        later = entry > self._face_entry if NO_ENTRY not in (entry, self._face_entry) else False
        if not later and not self._is_later(event.at_ns):
            return []
        self._face_ns, self._face_entry = event.at_ns, entry
        return self._say("last_face", last_face(event, entry_id))

    def remember_face(self, payload: bytes) -> bool:
        """Take in the last face that an earlier run told; returns whether it was one."""
        found = remembered_face(payload)
        # What this run has published already is later, whatever a clock of then says.
        if found is not None and not self._face_ns:
            self._face_ns, self._said["last_face"] = found
            self._face_entry = remembered_entry(payload)
        return found is not None

    def _is_later(self, at_ns: int) -> bool:
        """Tell whether an event is later than the last face. A last face in the future is outdated."""
        return at_ns > self._face_ns or age_s(self._face_ns, self._wall_ns()) == inf

    def face(self) -> Publication:
        """Return the last face that was told, or what erases its topic if none was."""
        return self._publication("last_face", self._said.get("last_face", ""))

    def mark(self, zones: Sequence[str]) -> list[Publication]:
        """Take in which zones there are now; returns what makes the broker forget those that are no more."""
        gone = [zone_leaf(zone) for zone in self._zone_seen_s if zone not in zones]
        self._zone_seen_s = {zone: self._zone_seen_s.get(zone, float("-inf")) for zone in zones}
        for leaf in gone:
            self._said.pop(leaf, None)
        return [self._publication(leaf, "") for leaf in gone]

    def silent_s(self, now_s: float) -> float:
        """Return how long nothing was heard of it."""
        return now_s - self._heard_s

    def retained(self) -> list[Publication]:
        """Return all that was last said, for a broker that may have forgotten it."""
        return [self._publication(leaf, text) for leaf, text in self._said.items()]

    def erased(self) -> list[Publication]:
        """Return what makes the broker forget the camera, its last picture too."""
        zones = [zone_leaf(zone) for zone in self._zone_seen_s]
        return [self._publication(leaf, "") for leaf in (*RETAINED, *zones)]

    def _status(self, now_s: float) -> list[Publication]:
        watching, privacy, undetected, silent = STATUSES
        if self._private:
            return self._say("status", privacy)
        if self.silent_s(now_s) >= SILENT_AFTER_S:
            return self._say("status", silent)
        return self._say("status", watching if self._detects else undetected)

    def _presence(self, now_s: float) -> list[Publication]:
        return self._say("presence", self._on_off(self._seen_s, now_s))

    def _zones(self, counts: Counter[str], now_s: float) -> list[Publication]:
        """Say how many are in each zone; the tracker says it with each frame, so that nothing is to be remembered."""
        said: list[Publication] = []
        for zone in self._zone_seen_s:
            if counts[zone]:
                self._zone_seen_s[zone] = now_s
            fields = {"occupancy": self._on_off(self._zone_seen_s[zone], now_s), "count": counts[zone]}
            said += self._say(zone_leaf(zone), packed(fields).decode())
        return said

    def _on_off(self, seen_s: float, now_s: float) -> str:
        return "ON" if now_s - seen_s <= self._off_after_s else "OFF"

    def _say(self, leaf: str, text: str) -> list[Publication]:
        if self._said.get(leaf) == text:
            return []
        self._said[leaf] = text
        return [self._publication(leaf, text)]

    def _publication(self, leaf: str, text: str) -> Publication:
        return Publication(self._topics.of(self._camera, leaf), text.encode(), retain=True)
