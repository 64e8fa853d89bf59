"""Who has come and not left yet, as the store keeps it: together with the events that say so, or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import redis

from facewire import codec, keys
from facewire.messages import FaceEvent

OPENS = ("appeared", "identified", "unknown", "entered")
CLOSES = ("left", "left_zone")

Open = dict[str, FaceEvent]
"""The event that last spoke of each visit, or of a visit's stay in a zone, by a name of its own."""


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs of the tracker left: the last id that was given, and what is open."""

    last_id: int = 0
    open: Open = field(default_factory=dict)


def counted(client: redis.Redis) -> bytes | None:
    """Return the last id that was given, as it stands there; None if nothing does."""
    raw: Any = client.get(keys.TRACK_ID)
    return None if raw is None else bytes(raw)


def count_on(client: redis.Redis, last_id: int) -> None:
    """Let ids go on after one."""
    client.set(keys.TRACK_ID, last_id)


def kept(client: redis.Redis) -> dict[bytes, bytes]:
    """Return what is open, as it stands there: each visit's last event by the visit's name."""
    fields: Any = client.hgetall(keys.VISITS)
    return dict(fields)


def remove(client: redis.Redis, names: Iterable[bytes]) -> None:
    """Remove visits by their names."""
    given: Any = list(names)
    client.hdel(keys.VISITS, *given)


def keep(client: redis.Redis, event: FaceEvent, last_id: int) -> None:
    """Write what an event opens or closes, and its track's id if that is above the last one that was given."""
    # A face that came later may be confirmed earlier: the highest id counts, not the latest.
    if event.track_id > last_id:
        count_on(client, event.track_id)
    if event.type in OPENS:
        raw: Any = codec.encode(replace(event, snapshot=None))
        client.hset(keys.VISITS, visit_name(event), raw)
    elif event.type in CLOSES:
        client.hdel(keys.VISITS, visit_name(event))


def rewrite(client: redis.Redis, events: Iterable[FaceEvent]) -> None:
    """Write open visits again."""
    raw: Any = {visit_name(event): codec.encode(event) for event in events}
    client.hset(keys.VISITS, mapping=raw)


def note(visits: Open, event: FaceEvent) -> None:
    """Note what an event opens or closes, as `keep` writes it."""
    if event.type in OPENS:
        visits[visit_name(event)] = replace(event, snapshot=None)
    elif event.type in CLOSES:
        visits.pop(visit_name(event), None)


def visit_name(event: FaceEvent) -> str:
    """Name the visit that an event speaks of, or the stay in a zone."""
    visit = f"{event.camera}:{event.track_id}"
    return visit if event.zone is None else f"{visit}:{event.zone}"
