"""Tell of those whom nobody follows any more that they have left: a tracker that was killed could not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from facewire.messages import FaceEvent
from facewire.visits import Open

NS_PER_S = 1_000_000_000


def endings(visits: Open, seen_ns: Mapping[str, int]) -> list[FaceEvent]:
    """Return the events that close all that is open, in the order of each face's story.

    Args:
        visits: what is open.
        seen_ns: when each camera's faces were last followed, where that is known; nobody has seen them since.
    """
    told: list[FaceEvent] = []
    for camera, track_id in sorted({(event.camera, event.track_id) for event in visits.values()}):
        events = [event for event in visits.values() if (event.camera, event.track_id) == (camera, track_id)]
        told += _ending(events, max(seen_ns.get(camera, 0), *(event.at_ns for event in events)))
    return told


def _ending(events: list[FaceEvent], at_ns: int) -> Iterator[FaceEvent]:
    """Close one face's zones, then its visit."""
    visit = next((event for event in events if event.zone is None), None)
    zones = [event for event in events if event.zone is not None]
    for event in zones:
        yield replace(
            event,
            id=f"{event.camera}-{event.track_id}-left_zone-{event.zone}-{at_ns}",
            type="left_zone",
            identity=visit.identity if visit else event.identity,
            at_ns=at_ns,
            dwell_s=round((at_ns - event.at_ns) / NS_PER_S, 3),
        )
    if visit is not None:
        # Which visit of the face it is stands before the type in an event's id.
        same_visit = visit.id.rpartition(f"-{visit.type}")[0]
        inside = tuple(event.zone for event in zones if event.zone is not None)
        yield replace(visit, id=f"{same_visit}-left", type="left", at_ns=at_ns, zones=inside)
