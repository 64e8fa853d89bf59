"""Remember on the store which lights are to be turned off, and when, so that no restart leaves one on."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import Any

import msgspec

from facewire import keys
from facewire.link import Link
from iot_bridge.rules.model import Device

AT_ONCE = 64


class LightsOff:
    """The lights that are on for a while.

    A light is kept as where it listens, not by its name, so that one that was taken out of the rules goes off too.

    Args:
        store: the server that keeps them.
        clock: seconds since 1970.
    """

    def __init__(self, store: Link, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def plan(self, after_s: Mapping[Device, float | None], until: Event) -> None:
        """Take in when each light is to go off, from now; None: not by itself."""
        now_s = self._clock()
        later = {_packed(device): now_s + wait_s for device, wait_s in after_s.items() if wait_s is not None}
        never = [_packed(device) for device, wait_s in after_s.items() if wait_s is None]

        if later:
            self._store.patiently(lambda client: client.zadd(keys.LIGHTS_OFF, later), until)
        if never:
            self._store.patiently(lambda client: client.zrem(keys.LIGHTS_OFF, *never), until)

    def due(self) -> list[Device]:
        """Return the lights whose time has come.

        Raises:
            RedisAwayError: the store is away.
        """
        now_s = self._clock()
        found: Any = self._store.once(
            lambda client: client.zrangebyscore(keys.LIGHTS_OFF, "-inf", now_s, start=0, num=AT_ONCE)
        )
        return [_unpacked(each) for each in found]

    def done(self, devices: Iterable[Device], until: Event) -> None:
        """Forget lights that are off."""
        gone = [_packed(device) for device in devices]
        self._store.patiently(lambda client: client.zrem(keys.LIGHTS_OFF, *gone), until)


def _packed(device: Device) -> bytes:
    return json.dumps([device.preset, device.address], separators=(",", ":")).encode()


def _unpacked(member: bytes) -> Device:
    preset, address = msgspec.json.decode(member)
    return msgspec.convert({"preset": preset, "address": address}, Device)
