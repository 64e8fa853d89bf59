"""What `rules.yaml` says, as frozen values: when something happens, what is done with which device.

`reading` makes these of the file; `matching` tells whether a rule applies; actions are carried out by others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal

from iot_bridge.locks.model import Lock

EventType = Literal["appeared", "identified", "unknown", "left", "entered", "left_zone", "crossed"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Preset = Literal["zigbee2mqtt", "tasmota", "esphome", "shelly", "home_assistant", "topic"]


@dataclass(frozen=True, slots=True)
class Device:
    """Where a light or a lock listens.

    `address` is what its owner calls it in the preset's own terms: a friendly name, a device's topic, an entity id.
    """

    preset: Preset
    address: str


@dataclass(frozen=True, slots=True)
class Light:
    """A light of the home."""

    name: str
    device: Device


@dataclass(frozen=True, slots=True)
class Place:
    """Where the home is, for sunrise and sunset."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Illuminance:
    """A condition on a sensor that speaks MQTT: darker than `below_lux`.

    `field` is the key of a JSON payload, "" where the payload is the number itself. While the sensor was not heard for
    an hour, the condition is `when_unknown`.
    """

    topic: str
    field: str
    below_lux: float
    when_unknown: bool = True


@dataclass(frozen=True, slots=True)
class When:
    """What must be true of an event. An empty tuple, or None, asks nothing."""

    events: tuple[EventType, ...]
    people: tuple[str, ...] = ()
    """Names; `anyone` is whoever is known, `nobody` an event without a name."""
    cameras: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    """Of `entered` and `left_zone` their own; of any other event, where the face was."""
    lines: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    dwelt_s: float = 0.0
    between: tuple[time, time] | None = None
    """Local time, from the first to before the second, over midnight if the second is earlier."""
    days: tuple[Weekday, ...] = ()
    """With `between`: those on which the time began, so that a night of Friday lasts until Saturday's morning."""
    sun: Literal["up", "down"] | None = None
    illuminance: Illuminance | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a message; `{event}`, `{camera}`, `{person}`, `{zone}`, `{id}` in the payload are filled in."""

    topic: str
    payload: str
    retain: bool = False


@dataclass(frozen=True, slots=True)
class SetLight:
    """Turn a light on or off; `off_after_s` counts from the last time it was turned on."""

    light: str
    on: bool
    brightness_percent: int | None = None
    off_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class LockDoor:
    """Lock a lock; this needs no identity, only a fresh event."""

    lock: str


@dataclass(frozen=True, slots=True)
class UnlockDoor:
    """Ask for a lock to be opened; `locks` decides. Its rule's event is `identified` and its people are named."""

    lock: str


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Send the event as JSON to an address.

    Tries again `retries` times, ever later. `secret_env` names the environment variable with the key of the
    HMAC-SHA256 signature: secrets are not in the file.
    """

    url: str = field(repr=False)
    timeout_s: float = 5.0
    retries: int = 3
    secret_env: str | None = None


@dataclass(frozen=True, slots=True)
class Speak:
    """Greet aloud. None takes the person's template, or else the language's.

    `{person}`, `{camera}` and `{greeting}` ("Good morning") are filled in.
    """

    text: str | None = None
    language: Literal["en", "zh"] | None = None


Action = Publish | SetLight | LockDoor | UnlockDoor | CallWebhook | Speak


@dataclass(frozen=True, slots=True)
class Rule:
    """When something happens, do these, in order; not for an event that is older than `max_age_s`."""

    name: str
    when: When
    actions: tuple[Action, ...]
    max_age_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """How people are greeted: `people` has each one's own template, `languages` each one's language."""

    language: Literal["en", "zh"] = "en"
    people: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, Literal["en", "zh"]] = field(default_factory=dict)
    at_most_every_s: float = 300.0
    """The least time between two greetings of one person."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All of `rules.yaml`."""

    rules: tuple[Rule, ...] = ()
    lights: Mapping[str, Light] = field(default_factory=dict)
    locks: Mapping[str, Lock] = field(default_factory=dict)
    place: Place | None = None
    greeting: Greeting = field(default_factory=Greeting)
