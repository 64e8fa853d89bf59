"""What the owner allows of a lock, as frozen values; `policy` decides by them."""

from dataclasses import dataclass
from typing import Literal

LockPreset = Literal["zigbee2mqtt", "tasmota", "esphome", "shelly", "home_assistant", "topic"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What must be seen of a face before a lock opens for it.

    On `of_looks[0]` of the last `of_looks[1]` looks at one track the same person must be named, each time alike by
    `similarity`, by `margin` more than the next other person, alive by `live_score`, and with a face of `face_px`.
    """

    similarity: float = 0.5
    margin: float = 0.1
    of_looks: tuple[int, int] = (4, 5)
    live_score: float = 0.8
    face_px: float = 80.0


@dataclass(frozen=True, slots=True)
class Unlocking:
    """For whom a lock may open, and how carefully. Nobody is named: it never opens."""

    people: tuple[str, ...]
    cameras: tuple[str, ...]
    """Only what these cameras see counts; none named: it never opens."""
    evidence: Evidence = Evidence()
    second_factor: Literal["none", "pin", "confirm"] = "none"
    cooldown_s: float = 30.0
    failures: int = 5
    """So many refusals of one lock within `failures_within_s` lock the function out for `lockout_s`."""
    failures_within_s: float = 300.0
    lockout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of the home; without `unlocking` it can only be locked."""

    name: str
    preset: LockPreset
    address: str
    unlocking: Unlocking | None = None
