"""Give each face one ID in every frame.

Reads `frames:{camera}` and `detections:{camera}`; writes `tracks:{camera}`, and `events` to the store.
"""

from collections.abc import Callable

from facewire.messages import Detections, Frame
from facewire.service import Service
from facewire.streams import Publisher, StreamReader
from tracker.outbox import Outbox
from tracker.settings import TrackerSettings
from tracker.tracking import CameraTracker
from tracker.zones import Places


def run(
    service: Service[TrackerSettings],
    inbox: StreamReader,
    tracks: Publisher,
    events: Outbox,
    make_tracker: Callable[[str], CameraTracker],
    places: Places,
) -> None:
    """Move the faces with every frame, correct them with every detection, until the service stops."""
    trackers: dict[str, CameraTracker] = {}
    for message in inbox.messages(service.stop):
        if isinstance(message, Frame):
            tracker = trackers.setdefault(message.camera, make_tracker(message.camera))
            with service.metrics.stage("track"):
                seen, happened = tracker.see(message)
            if seen is not None:
                seen, happened = places.watch(seen, (message.width, message.height), happened)
                tracks.publish(seen)
                service.metrics.handled(message.camera, message.captured_ns)
        elif isinstance(message, Detections) and message.camera in trackers:
            with service.metrics.stage("correct"):
                happened = trackers[message.camera].correct(message)
        else:
            continue
        for event in happened:
            events.put(event)
