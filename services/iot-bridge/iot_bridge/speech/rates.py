"""Decide whether somebody may be greeted now, and remember it on the store, so that no restart greets again."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from facewire import clock, keys
from facewire.link import Link

Verdict = Literal["granted", "again", "too_soon", "too_many"]

EVERYBODY_LIMIT = 6
"""The most greetings in `WINDOW_S`, whoever they are for: a party is not greeted one by one."""
WINDOW_S = 60.0
LONGEST_S = 86_400.0
"""The longest time between two greetings of one person that rules may ask for."""
STAMPS_KEPT = 1024
EVENTS_KEPT = 256


class Rates:
    """Who was greeted when: by the steady clock, and after a restart of the machine by the one on the wall.

    Args:
        store: the server that keeps it.
        now: the clocks.
    """

    def __init__(self, store: Link, now: Callable[[], clock.Now] = clock.now) -> None:
        self._store = store
        self._now = now
        self._begun_s = now().steady_s
        self._greeted_s: OrderedDict[str, float] = OrderedDict()
        self._events: OrderedDict[str, float] = OrderedDict()
        self._lately_s: deque[float] = deque(maxlen=EVERYBODY_LIMIT)

    def claim(self, event_id: str, person: str, every_s: float) -> Verdict:
        """Say whether an event may greet; `granted` counts as greeted from now on, whatever comes of it.

        Args:
            event_id: each event greets once, however often it comes.
            person: who is greeted, as names are compared; all who are not known are one, "".
            every_s: the least time between two greetings of one person.

        Raises:
            RedisAwayError: the store is away.
        """
        now = self._now()
        known = self._store.once(lambda client: client.zscore(keys.GREETINGS, event_id)) is not None
        if known or event_id in self._events:
            return "again"
        found = verdict(self._ago_s(person, now), every_s, self._lately(now))
        if found == "granted":
            self._remember(event_id, person, now)
        return found

    def _ago_s(self, person: str, now: clock.Now) -> float | None:
        """Return how long ago a person was greeted; None for never."""
        if person in self._greeted_s:
            return now.steady_s - self._greeted_s[person]
        stamp: Any = self._store.once(lambda client: client.hget(keys.GREETED_STEADY, person))
        wall_s: Any = self._store.once(lambda client: client.zscore(keys.GREETED, person))
        try:
            boot, steady_s = msgspec.json.decode(stamp or b"", type=tuple[str, float])
        except msgspec.DecodeError:
            boot, steady_s = "", 0.0
        if clock.same_boot(boot, now) and steady_s <= now.steady_s:
            return now.steady_s - steady_s
        # A time that lies ahead counts like one that has passed: without a clock of its own a Pi starts in the past.
        return None if wall_s is None else abs(now.wall_s - float(wall_s))

    def _lately(self, now: clock.Now) -> int:
        """Return how many greetings there were in the last `WINDOW_S`."""
        mine = sum(now.steady_s - at_s < WINDOW_S for at_s in self._lately_s)
        if now.steady_s - self._begun_s >= WINDOW_S:
            return mine
        # Of an earlier run too.
        kept: Any = self._store.once(
            lambda client: client.zcount(keys.GREETINGS, now.wall_s - WINDOW_S, now.wall_s + clock.AHEAD_S)
        )
        return max(mine, int(kept))

    def _remember(self, event_id: str, person: str, now: clock.Now) -> None:
        self._put(keys.GREETED, person, now.wall_s, LONGEST_S)
        self._put(keys.GREETINGS, event_id, now.wall_s, WINDOW_S)
        stamp: Any = msgspec.json.encode((now.boot, now.steady_s))
        self._store.once(lambda client: client.hset(keys.GREETED_STEADY, person, stamp))
        many: Any = self._store.once(lambda client: client.hlen(keys.GREETED_STEADY))
        if many > STAMPS_KEPT:
            self._store.once(lambda client: client.delete(keys.GREETED_STEADY))
        self._lately_s.append(now.steady_s)
        for kept, name, most in ((self._greeted_s, person, STAMPS_KEPT), (self._events, event_id, EVENTS_KEPT)):
            kept[name] = now.steady_s
            kept.move_to_end(name)
            if len(kept) > most:
                kept.popitem(last=False)

    def _put(self, key: str, member: str, now_s: float, kept_s: float) -> None:
        self._store.once(lambda client: client.zadd(key, {member: now_s}))
        self._store.once(lambda client: client.zremrangebyscore(key, "-inf", now_s - kept_s))


def verdict(ago_s: float | None, every_s: float, lately: int) -> Verdict:
    """Decide whether a person may be greeted now.

    Args:
        ago_s: how long ago the person was greeted last; None for never.
        every_s: the least time between two greetings of one person.
        lately: how many greetings there were in the last `WINDOW_S`.
    """
    if ago_s is not None and ago_s < every_s:
        return "too_soon"
    return "too_many" if lately >= EVERYBODY_LIMIT else "granted"
