"""Decide whether somebody may be greeted now, and remember it on the store, so that no restart greets again."""

import time
from collections.abc import Callable
from typing import Any, Literal

from facewire import keys
from facewire.link import Link

Verdict = Literal["granted", "again", "too_soon", "too_many"]

EVERYBODY_LIMIT = 6
"""The most greetings in `WINDOW_S`, whoever they are for: a party is not greeted one by one."""
WINDOW_S = 60.0
LONGEST_S = 86_400.0
"""The longest time between two greetings of one person that rules may ask for."""


class Rates:
    """Who was greeted when.

    Args:
        store: the server that keeps it.
        clock: seconds since 1970.
    """

    def __init__(self, store: Link, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def claim(self, event_id: str, person: str, every_s: float) -> Verdict:
        """Say whether an event may greet; `granted` counts as greeted from now on, whatever comes of it.

        Args:
            event_id: each event greets once, however often it comes.
            person: who is greeted; all who are not known are one, "".
            every_s: the least time between two greetings of one person.

        Raises:
            RedisAwayError: the store is away.
        """
        now_s = self._clock()
        if self._store.once(lambda client: client.zscore(keys.GREETINGS, event_id)) is not None:
            return "again"
        greeted_s: Any = self._store.once(lambda client: client.zscore(keys.GREETED, person))
        lately: Any = self._store.once(lambda client: client.zcount(keys.GREETINGS, now_s - WINDOW_S, now_s))
        found = verdict(now_s, greeted_s, every_s, lately)
        if found == "granted":
            self._put(keys.GREETED, person, now_s, LONGEST_S)
            self._put(keys.GREETINGS, event_id, now_s, WINDOW_S)
        return found

    def _put(self, key: str, member: str, now_s: float, kept_s: float) -> None:
        self._store.once(lambda client: client.zadd(key, {member: now_s}))
        self._store.once(lambda client: client.zremrangebyscore(key, "-inf", now_s - kept_s))


def verdict(now_s: float, greeted_s: float | None, every_s: float, lately: int) -> Verdict:
    """Say whether one who was last greeted at a time may be greeted now.

    A time that lies ahead counts like one that has passed: without a clock of its own a Pi starts in the past.

    Args:
        now_s: now.
        greeted_s: when the person was greeted last; None for never.
        every_s: the least time between two greetings of one person.
        lately: how many greetings there were in the last `WINDOW_S`.
    """
    if greeted_s is not None and abs(now_s - greeted_s) < every_s:
        return "too_soon"
    return "too_many" if lately >= EVERYBODY_LIMIT else "granted"
