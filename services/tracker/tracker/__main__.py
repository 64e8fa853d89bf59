"""`python -m tracker` runs the service."""

import sys
from collections.abc import Callable
from itertools import count

import cv2

from facewire import keys
from facewire.service import Service, keep_running, running
from facewire.settings import load, stop_operator
from facewire.streams import Publisher, StreamReader, Wanted
from tracker.outbox import Outbox
from tracker.service import run
from tracker.settings import TrackerSettings
from tracker.sources import MissingError, source
from tracker.tracking import CameraTracker, Rules

# A hiccup of three frames is caught up with, so that no frame lacks its tracks.
BACKLOG = 3


def main() -> int:
    """Run the service until it is told to stop."""
    settings = load(TrackerSettings)
    # Pictures of this size are too small to share among threads.
    cv2.setNumThreads(1)
    try:
        source(settings.tracker)
    except MissingError as error:
        stop_operator(str(error))
    with running("tracker", settings) as service:
        wanted = [Wanted(keys.FRAMES, newest=True, backlog=BACKLOG), Wanted(keys.DETECTIONS)]
        inbox = StreamReader(service.bus, service.intake, service.metrics, wanted)
        tracks = Publisher(service.bus, keys.TRACKS, service.metrics)
        events = Outbox(service.store, service.metrics)
        try:
            next_id = ids(service)
            rules = rules_of(settings)

            def make(camera: str) -> CameraTracker:
                return CameraTracker(camera, rules, next_id, service.metrics, source=source(settings.tracker))

            keep_running(service, lambda: run(service, inbox, tracks, events, make))
        finally:
            events.close()
    return 0


def rules_of(settings: TrackerSettings) -> Rules:
    """Return the part of the settings that is about faces."""
    return Rules(
        max_faces=settings.max_faces,
        birth_score=settings.birth_score,
        confirm_hits=settings.confirm_hits,
        coast_s=settings.coast_s,
        return_within_s=settings.return_within_s,
    )


def ids(service: Service[TrackerSettings]) -> Callable[[], int]:
    """Return a function that counts on from the last id that the store remembers."""
    last = service.store.patiently(lambda client: client.get(keys.TRACK_ID), service.stop)
    return count(int(str(last, "ascii") if isinstance(last, bytes) else 0) + 1).__next__


if __name__ == "__main__":
    sys.exit(main())
