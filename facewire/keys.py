"""The Redis keys of the stack, each with how it is trimmed; nothing else touches Redis.

`bus` holds what is fresh, `store` what must survive (docs/architecture.md, "Keys").
"""

from dataclasses import dataclass

from facewire.audit import Decision
from facewire.messages import Detections, FaceEvent, Frame, Identity, Message, Tracks, Wish


@dataclass(frozen=True, slots=True)
class Stream:
    """A family of streams: the message they carry, and how many entries they keep."""

    prefix: str
    message: type[Message]
    maxlen: int
    exact: bool

    def key(self, camera: str = "") -> str:
        """Name the stream of one camera, or the only one of its family."""
        return f"{self.prefix}:{camera}" if camera else self.prefix


# A frame is 0.9 MB: `MAXLEN ~` may keep a hundred entries more, so frames are trimmed exactly.
FRAMES = Stream("frames", Frame, maxlen=32, exact=True)
DETECTIONS = Stream("detections", Detections, maxlen=256, exact=False)
TRACKS = Stream("tracks", Tracks, maxlen=256, exact=False)
# A stream, so that who waits for a frame that is due in half a second hears at once that one is wanted sooner.
WISHES = Stream("wishes", Wish, maxlen=8, exact=False)
IDENTITIES = Stream("identities", Identity, maxlen=256, exact=False)
EVENTS = Stream("events", FaceEvent, maxlen=100_000, exact=False)
# Events that are older than those of `events`, without their pictures (facewire.retention).
HISTORY = Stream("history", FaceEvent, maxlen=100_000, exact=False)
# Nothing ever removes an entry but newer ones: it tells who was let in, and who was not.
AUDIT = Stream("audit", Decision, maxlen=100_000, exact=False)

FIELD = b"m"
"""The one field of every stream entry."""

CAMERAS = "cameras"
"""Sorted set on `bus`: camera name, scored by the unix second at which capture last announced it."""

FRAME_DEMANDS = "frame_demands"
"""Hash on `bus`: camera, with the size of its pictures in bytes and the time (ns) of its first demand for room."""

TRACK_ID = "track_id"
"""Counter on `store`: the last track id given, so that an id is never given twice."""

VISITS = "visits"
"""Hash on `store`: faces that appeared and have not left, and the zones that they are in, each with its last event."""

LIGHTS_OFF = "lights_off"
"""Sorted set on `store`: lights that a rule turned on for a while, scored by the unix second at which they go off."""
LIGHTS_OFF_STEADY = "lights_off_steady"
"""Hash on `store`: the same lights, each with a boot id, when it goes off by the steady clock, and after how long."""
CONTROLS = "controls"
"""Hash on `store`: what the home has switched; a field that is not there is as the environment says."""
RECOGNITION, DETECT_EVERY, BACKEND = "recognition", "detect_every", "backend"
"""Fields of `controls` that speak of the whole node."""

PINS = "pins"
"""Hash on `store`: for each lock that has one, the salted hash of its PIN."""


def detection(camera: str) -> str:
    """Name the field of `controls` that says whether faces are looked for."""
    return f"detection:{camera}"


def privacy(camera: str) -> str:
    """Name the field of `controls` that says whether a camera's pictures stay in capture."""
    return f"privacy:{camera}"


GREETED = "greeted"
"""Sorted set on `store`: people, scored by the unix second at which each was last greeted."""
GREETED_STEADY = "greeted_steady"
"""Hash on `store`: the same people, each with a boot id and when it was by the steady clock."""

GREETINGS = "greetings"
"""Sorted set on `store`: ids of the events that led to a greeting in the last minute, scored by the unix second."""


def health(service: str, instance: str) -> str:
    """Name the heartbeat hash of one instance of a service (on `bus`, expires 10 s after a beat)."""
    return f"health:{service}:{instance}"


def unlocking(lock: str) -> str:
    """Name the field of `controls` that says whether a lock may open; it may only while it holds `on`."""
    return f"unlocking:{lock}"


def lock_record(lock: str) -> str:
    """Name the hash on `store` with what must outlive the bridge: failures, lockout, the last unlock."""
    return f"lock:{lock}"


def decided(decision: str) -> str:
    """Name the key on `store` that is there once a decision was claimed, so that it is carried out once at the most."""
    return f"decided:{decision}"
