"""Recall what earlier runs left on the store: the last id that was given, and who has not left."""

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from facewire import codec, keys, lookup, visits
from facewire.link import RedisRefusedError
from facewire.messages import FaceEvent
from facewire.service import OperatorError, Service
from facewire.streams import Entry
from facewire.visits import OPENS, Open, Past, visit_name
from tracker.settings import TrackerSettings

R = TypeVar("R")

ID_LIMIT = 10**18
"""No camera sees so many; what is above would not fit into a table of tracks."""
# Each with a picture.
AT_ONCE = 50
SHOWN = 5


def recall(service: Service[TrackerSettings]) -> Past:
    """Return what earlier runs left, as soon as the store is there; nothing if the service is to stop first.

    Raises:
        OperatorError: what is there would have an id given twice.
    """
    counted = _ask(service, keys.TRACK_ID, visits.counted)
    found = _visits(service, _ask(service, keys.VISITS, visits.kept) or {})
    highest_id = max((event.track_id for event in found.values()), default=0)
    return Past(max(_last_id(service, counted, highest_id), highest_id), found)


def _ask(service: Service[TrackerSettings], key: str, action: Callable[[Any], R]) -> R | None:
    try:
        return service.store.patiently(action, service.stop)
    except RedisRefusedError as error:
        raise OperatorError(
            f"STORE_URL: {key} there cannot be read ({error}); "
            "name a Redis that nobody else writes to, or rename that key"
        ) from error


def _visits(service: Service[TrackerSettings], fields: dict[bytes, bytes]) -> Open:
    """Return the visits that are open; what is none is counted, told of, and removed: nothing would ever close it."""
    found: Open = {}
    refused: dict[bytes, codec.RejectedMessageError] = {}
    for name, raw in fields.items():
        try:
            event = _visit(name, raw)
        except codec.RejectedMessageError as error:
            service.metrics.rejected(error.reason)
            refused[name] = error
        else:
            found[visit_name(event)] = event
    if refused:
        problems = {f"{name!r:.60}": f"{error!s:.120}" for name, error in islice(refused.items(), SHOWN)}
        told = f"{len(refused)} entries of {keys.VISITS} are no open visits: removed, and nobody is told to have left"
        service.log.warning(told, problems=problems)
        service.store.patiently(lambda client: visits.remove(client, refused), service.stop)
    return found


def _visit(name: bytes, raw: bytes) -> FaceEvent:
    event = codec.decode(raw, FaceEvent)
    if event.type not in OPENS or visit_name(event).encode() != name or event.track_id >= ID_LIMIT:
        raise codec.RejectedMessageError("misplaced", f"{event.type} of {visit_name(event)!r:.60}")
    return event


def _last_id(service: Service[TrackerSettings], raw: bytes | None, of_visits: int) -> int:
    """Return the last id that was given; where the counter does not say it, events do."""
    if raw is not None and raw.isdigit() and len(raw) < len(str(ID_LIMIT)):
        return int(raw)
    found = max(_highest_of_events(service), of_visits)
    if service.stop.is_set() or (raw is None and not found):
        return found
    if not found:
        raise OperatorError(
            f"STORE_URL: {keys.TRACK_ID} there is {raw!r:.40}, expected the last id that was given, a whole number, "
            "and no event tells it; say redis-cli SET track_id N, with N no lower than any id in your history"
        )
    service.metrics.error(keys.TRACK_ID)
    service.log.warning(
        "the store does not say the last id that was given; ids go on after the highest of all events",
        key=keys.TRACK_ID,
        found=f"{raw!r:.40}",
        highest=found,
    )
    service.store.patiently(lambda client: visits.count_on(client, found), service.stop)
    return found


def _highest_of_events(service: Service[TrackerSettings]) -> int:
    highest, end = 0, "+"
    while entries := _events_until(service, end):
        highest = max(highest, *(_id_of(fields) for _, fields in entries))
        end = f"({entries[-1][0].decode()}"
    return highest


def _events_until(service: Service[TrackerSettings], end: str) -> list[Entry]:
    try:
        return service.store.patiently(lambda client: lookup.raw_events(client, end, AT_ONCE), service.stop) or []
    except RedisRefusedError:
        return []


def _id_of(fields: dict[bytes, bytes]) -> int:
    try:
        track_id = codec.decode(fields[keys.FIELD], FaceEvent).track_id
    except (codec.RejectedMessageError, KeyError):
        return 0
    return track_id if track_id < ID_LIMIT else 0
