"""What is known of the moment beside the event: local time, sunlight, and what sensors said last."""

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation

from facewire.messages import FaceEvent
from iot_bridge.rules.matching import Moment
from iot_bridge.rules.model import Illuminance, Place, Rulebook

NS_PER_S = 1_000_000_000
# The sun's upper edge touches the horizon: 34' of refraction and 16' of its radius below.
# https://gml.noaa.gov/grad/solcalc/glossary.html#sunrise
SUNRISE_DEGREES = -0.833
HEARD_WITHIN_S = 3600.0
PAYLOAD_LIMIT_BYTES = 16_384


class Senses:
    """What sensors said last, and what time it is.

    Args:
        zone: of the times in rules; None: this host's own.
        clock: seconds that only go forward.
        zone_known: whether there is a zone; else local time is not known.
    """

    def __init__(
        self, zone: ZoneInfo | None, clock: Callable[[], float] = time.monotonic, *, zone_known: bool = True
    ) -> None:
        self._zone = zone
        self._zone_known = zone_known
        self._clock = clock
        self._heard: dict[str, tuple[float, bytes]] = {}

    def hear(self, topic: str, payload: bytes) -> None:
        """Take in what a sensor says now; from any thread."""
        if len(payload) <= PAYLOAD_LIMIT_BYTES:
            self._heard[topic] = (self._clock(), payload)

    def moment(self, event: FaceEvent, book: Rulebook) -> Moment:
        """Return what rules may ask for of the moment at which an event happened."""
        asks_for_sun = book.place is not None and any(rule.when.sun for rule in book.rules)
        lux = {sensor: self._lux(sensor) for sensor in sensors(book)}
        return Moment(
            local=local_time(event.at_ns, self._zone) if self._zone_known else None,
            sun_up=sun_is_up(book.place, event.at_ns) if asks_for_sun and book.place else None,
            lux={sensor: value for sensor, value in lux.items() if value is not None},
        )

    def _lux(self, sensor: Illuminance) -> float | None:
        heard_s, payload = self._heard.get(sensor.topic, (-math.inf, b""))
        return illuminance(payload, sensor.field) if self._clock() - heard_s <= HEARD_WITHIN_S else None


def sensors(book: Rulebook) -> set[Illuminance]:
    """Return all that rules ask of sensors."""
    return {rule.when.illuminance for rule in book.rules if rule.when.illuminance is not None}


def local_time(at_ns: int, zone: ZoneInfo | None) -> datetime:
    """Return what clocks on the wall show."""
    at = datetime.fromtimestamp(at_ns / NS_PER_S, UTC)
    return at.astimezone(zone)


def sun_is_up(place: Place, at_ns: int) -> bool:
    """Say whether any of the sun is above the horizon; near the poles too, where it may not rise or set for months."""
    at = datetime.fromtimestamp(at_ns / NS_PER_S, UTC)
    observer = Observer(place.latitude, place.longitude)
    return elevation(observer, at, with_refraction=False) > SUNRISE_DEGREES


def illuminance(payload: bytes, field: str) -> float | None:
    """Return the lux that a sensor's message tells, as JSON under a key or as the number alone; None if it does not."""
    try:
        said: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if field:
        said = said.get(field) if isinstance(said, dict) else None
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return float(said)
