"""Remember on the store which lights are to be turned off, and when, so that no restart leaves one on."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Event
from typing import Any

import msgspec

from facewire import clock, keys
from facewire.link import Link, together
from iot_bridge.rules.model import Device, Rulebook, SetLight

LONGEST_S = 86_400.0
"""The longest time that rules may leave a light on for."""
AT_ONCE = 1024


class LightsOff:
    """The lights that are on for a while.

    A light is kept as where it listens, not by its name, so that one that was taken out of the rules goes off too.
    The steady clock decides when. The store keeps it by both clocks: after a restart of the machine the wall clock
    tells, and no light stays on for longer than it was meant to (docs/adr/0030).

    Args:
        store: the server that keeps them.
        longest_s: returns the longest time that rules leave a light on for, where the store does not say.
        now: the clocks.
    """

    def __init__(
        self,
        store: Link,
        longest_s: Callable[[Device], float] = lambda _device: LONGEST_S,
        now: Callable[[], clock.Now] = clock.now,
    ) -> None:
        self._store = store
        self._longest_s = longest_s
        self._now = now
        self._ends_s: dict[bytes, float] = {}
        """When each goes off, by the steady clock."""

    def plan(self, after_s: Mapping[Device, float | None], until: Event) -> None:
        """Take in when each light is to go off, from now; None: not by itself."""
        now = self._now()
        later = {_packed(device): wait_s for device, wait_s in after_s.items() if wait_s is not None}
        never = [_packed(device) for device, wait_s in after_s.items() if wait_s is None]

        if later:
            self._ends_s |= {member: now.steady_s + wait_s for member, wait_s in later.items()}
            wall: Any = {member: now.wall_s + wait_s for member, wait_s in later.items()}
            steady: Any = {member: _stamp(wait_s, now) for member, wait_s in later.items()}
            self._write(
                until,
                lambda client: client.zadd(keys.LIGHTS_OFF, wall),
                lambda client: client.hset(keys.LIGHTS_OFF_STEADY, mapping=steady),
            )
        if never:
            self._forget(never, until)

    def due(self) -> list[Device]:
        """Return the lights whose time has come.

        Raises:
            RedisAwayError: the store is away.
        """
        found: Any = self._store.once(lambda client: client.zrange(keys.LIGHTS_OFF, 0, AT_ONCE - 1, withscores=True))
        now, scores = self._now(), dict(found)
        new = [member for member in scores if member not in self._ends_s]
        if new:
            stamps: Any = self._store.once(lambda client: client.hmget(keys.LIGHTS_OFF_STEADY, new))
            found_s = zip(new, stamps, strict=True)
            self._ends_s |= {member: self._end_s(member, scores[member], stamp, now) for member, stamp in found_s}
        self._ends_s = {member: end_s for member, end_s in self._ends_s.items() if member in scores}
        over = [member for member, end_s in self._ends_s.items() if end_s <= now.steady_s]
        return [device for device in map(_unpacked, over) if device is not None]

    def done(self, devices: Iterable[Device], until: Event) -> None:
        """Forget lights that are off."""
        self._forget([_packed(device) for device in devices], until)

    def _end_s(self, member: bytes, wall_s: float, stamp: bytes | None, now: clock.Now) -> float:
        """Return the steady off-time of a light that an earlier run stored."""
        device = _unpacked(member)
        try:
            boot, end_s, longest_s = msgspec.json.decode(stamp or b"", type=tuple[str, float, float])
        except msgspec.DecodeError:
            boot, end_s, longest_s = "", 0.0, LONGEST_S if device is None else self._longest_s(device)
        left_s = end_s - now.steady_s if clock.same_boot(boot, now) else wall_s - now.wall_s
        # Further ahead than it was meant to be on: the clock was set back.
        return now.steady_s + min(left_s, longest_s)

    def _forget(self, members: list[bytes], until: Event) -> None:
        for member in members:
            self._ends_s.pop(member, None)
        self._write(
            until,
            lambda client: client.zrem(keys.LIGHTS_OFF, *members),
            lambda client: client.hdel(keys.LIGHTS_OFF_STEADY, *members),
        )

    def _write(self, until: Event, *actions: Callable[[Any], object]) -> None:
        self._store.patiently(partial(together, actions=actions), until)


def longest_on_s(book: Rulebook, device: Device) -> float:
    """Return the longest `off_after_s` of a light in the rules, or the limit."""
    names = {light.name for light in book.lights.values() if light.device == device}
    actions = [action for rule in book.rules for action in rule.actions if isinstance(action, SetLight)]
    found = [action.off_after_s for action in actions if action.light in names and action.off_after_s is not None]
    return max(found, default=LONGEST_S)


def _stamp(wait_s: float, now: clock.Now) -> bytes:
    return json.dumps([now.boot, now.steady_s + wait_s, wait_s]).encode()


def _packed(device: Device) -> bytes:
    return json.dumps([device.preset, device.address], separators=(",", ":")).encode()


def _unpacked(member: bytes) -> Device | None:
    """Return a light; None for an entry that is none."""
    try:
        preset, address = msgspec.json.decode(member, type=tuple[str, str])
        return msgspec.convert({"preset": preset, "address": address}, Device)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
