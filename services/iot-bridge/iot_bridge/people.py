"""Decide who is present: the people whom some camera has recognised."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from facewire.messages import CAMERA_NAME, Tracks
from facewire.names import is_valid_name, name_key
from iot_bridge.payloads import LARGEST_STORED_BYTES, LONGEST_NAME, NS_PER_S, is_plausible, packed, when
from iot_bridge.topics import Publication, Topics

MOST_PEOPLE = 200
LONGEST_SLUG = 32
CLOCK_SET_FROM_YEAR = 2000


def key_of(name: str) -> str:
    """Return what a person is called in topics and ids: readable, and of no two names the same."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST_SLUG] or "person"
    return f"{slug}-{sha256(name.encode()).hexdigest()[:10]}"


@dataclass(slots=True)
class _Person:
    """One person.

    Args:
        name: as the recognizer says it.
        seen_at: when somebody saw them last, as it is told.
        camera: which camera that was.
        seen_s: when each camera saw them last, by the clock that only goes forward.
        said: what was last said.
        age: how long ago they were seen at `noted_s`, by the clock on the wall of then.
        noted_s: when that was taken, by the clock that only goes forward.
    """

    name: str
    seen_at: str
    camera: str
    seen_s: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    age: timedelta = timedelta()
    noted_s: float = 0.0


class People:
    """What was last said of each person; only what changes is said again.

    Args:
        topics: names of topics.
        off_after_s: how long somebody must not be seen until they are absent.
        kept_days: how long somebody who is not seen is remembered.
        wall: the wall clock.
    """

    def __init__(
        self,
        topics: Topics,
        off_after_s: float,
        kept_days: int,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wall = wall
        self._topics = topics
        self._off_after_s = off_after_s
        self._kept = timedelta(days=kept_days)
        self._people: dict[str, _Person] = {}
        self._keys: dict[str, str] = {}
        """The keys of people by their names as they are compared."""
        self._doubled: list[str] = []

    def __len__(self) -> int:
        return len(self._people)

    @property
    def named(self) -> Mapping[str, str]:
        """Their names, by key."""
        return {key: person.name for key, person in self._people.items()}

    def update(self, tracks: Tracks, now_s: float) -> list[Publication]:
        """Take in the tracks of a frame; returns what is new."""
        names = {track.identity.name for track in tracks.tracks if track.identity and track.state != "tentative"}
        changes = []
        for name in sorted(filter(is_valid_name, names)):
            key = self._keys.get(name_key(name)) or key_of(name)
            if key not in self._people and len(self._people) >= MOST_PEOPLE:
                continue
            at = when(tracks.captured_ns)
            person = self._people.setdefault(key, _Person(name, at, tracks.camera))
            self._keys[name_key(name)] = key
            person.seen_at = at
            person.age, person.noted_s = timedelta(), now_s
            person.seen_s[tracks.camera] = now_s
            changes += self._say(key, person, now_s)
        return changes

    def tick(self, now_s: float) -> list[Publication]:
        """Let time pass; returns who is absent now."""
        doubled, self._doubled = self._doubled, []
        return [Publication(self._topics.person(key), b"", retain=True) for key in doubled] + [
            said for key, person in self._people.items() for said in self._say(key, person, now_s)
        ]

    def remember(self, key: str, payload: bytes, now_s: float) -> bool:
        """Take in what an earlier run said of somebody; who was present then must be seen soon to be so still.

        Returns whether it was the state of a person, at a time that may be.
        """
        person = _remembered(payload, self._wall())
        if person is None or key != key_of(person.name):
            return False
        if key in self._people or len(self._people) >= MOST_PEOPLE:
            return True
        if self._keys.setdefault(name_key(person.name), key) != key:
            # Another spelling of somebody who is known: the broker forgets it with the next tick.
            self._doubled.append(key)
            return True
        person.noted_s, person.age = now_s, _age(person.seen_at, self._wall())
        if person.said["presence"] == "ON":
            person.seen_s[person.camera] = now_s
        self._people[key] = person
        stored: dict[str, object] = msgspec.json.decode(payload)
        return stored["at"] == person.seen_at

    def state(self, key: str) -> Publication:
        """Return what was last said of somebody, or what erases their topic if nothing was."""
        person = self._people.get(key)
        return (
            Publication(self._topics.person(key), b"", retain=True)
            if person is None
            else self._publication(key, person)
        )

    def old(self, now: datetime, now_s: float) -> set[str]:
        """Return the keys of people whose retention has ended.

        Both clocks must say so: one on the wall that jumps is no reason.
        """
        absent = {key: each for key, each in self._people.items() if not each.seen_s}
        return {
            key
            for key, each in absent.items()
            if min(now - datetime.fromisoformat(each.seen_at), each.age + timedelta(seconds=now_s - each.noted_s))
            > self._kept
        }

    def forget(self, key: str) -> list[Publication]:
        """Forget somebody; returns what makes the broker forget them too."""
        person = self._people.pop(key, None)
        if person is None:
            return []
        self._keys.pop(name_key(person.name), None)
        return [Publication(self._topics.person(key), b"", retain=True)]

    def retained(self) -> list[Publication]:
        """Return all that was last said, for a broker that may have forgotten it."""
        return [self._publication(key, person) for key, person in self._people.items()]

    def _say(self, key: str, person: _Person, now_s: float) -> list[Publication]:
        person.seen_s = {camera: s for camera, s in person.seen_s.items() if now_s - s <= self._off_after_s}
        if person.seen_s and person.camera not in person.seen_s:
            person.camera = max(person.seen_s, key=lambda camera: person.seen_s[camera])
        fields = {"name": person.name, "presence": "ON" if person.seen_s else "OFF", "camera": person.camera}
        if fields.items() <= person.said.items():
            return []
        person.said = fields | {"at": person.seen_at}
        return [self._publication(key, person)]

    def _publication(self, key: str, person: _Person) -> Publication:
        return Publication(self._topics.person(key), packed(person.said), retain=True)


def _age(seen_at: str, now: datetime) -> timedelta:
    """Return the age of a sighting; 0 if its clock was not set."""
    at = datetime.fromisoformat(seen_at)
    return timedelta() if at.year < CLOCK_SET_FROM_YEAR else max(timedelta(), now - at)


class _Stored(msgspec.Struct, frozen=True):
    """A person's state as a broker keeps it; whoever may publish there can have put anything in its place."""

    name: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    presence: Literal["ON", "OFF"]
    camera: str
    at: Annotated[str, msgspec.Meta(max_length=64)]


def _remembered(payload: bytes, now: datetime) -> _Person | None:
    if len(payload) > LARGEST_STORED_BYTES:
        return None
    try:
        stored = msgspec.json.decode(payload, type=_Stored)
        seen_at = datetime.fromisoformat(stored.at)
        if seen_at.tzinfo is None or not CAMERA_NAME.fullmatch(stored.camera):
            return None
        now_ns, seen_ns = (round(each.timestamp() * NS_PER_S) for each in (now, seen_at))
    except (ValueError, OverflowError, OSError, RecursionError):
        return None
    # Else somebody of the year 9999 would never be forgotten.
    at = stored.at if is_plausible(seen_ns, now_ns) else when(now_ns)
    return _Person(stored.name, at, stored.camera, said={**msgspec.to_builtins(stored), "at": at})
