"""`python -m tracker` runs the service; `python -m tracker replay` runs a recording through it."""

import argparse
import sys
from collections.abc import Callable
from itertools import count

import cv2

from facewire import keys
from facewire.controls import watching
from facewire.layouts import layouts
from facewire.service import Service, keep_running, running
from facewire.settings import load, stop_operator
from facewire.streams import Publisher, StreamReader, Wanted
from tracker import replaying
from tracker.following import Following
from tracker.outbox import Outbox
from tracker.service import run
from tracker.settings import TrackerSettings
from tracker.sources import MissingError, source
from tracker.zones import Places

# A hiccup of three frames is caught up with, so that no frame lacks its tracks.
BACKLOG = 3


def main() -> int:
    """Run the service until it is told to stop, or a recording to its end."""
    parser = argparse.ArgumentParser(prog="python -m tracker", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP")
    replaying.add_arguments(steps.add_parser("replay", help="print what the tracker makes of a recording"))
    asked = parser.parse_args()
    # Pictures of this size are too small to share among threads.
    cv2.setNumThreads(1)
    return replaying.run(asked) if asked.step == "replay" else serve()


def serve() -> int:
    """Run the service until it is told to stop."""
    settings = load(TrackerSettings)
    try:
        source(settings.tracker)
    except MissingError as error:
        stop_operator(str(error))
    places = Places(layouts(settings))
    with running("tracker", settings) as service:
        watch = watching(service)
        wanted = [
            Wanted(keys.FRAMES, newest=True, backlog=BACKLOG),
            Wanted(keys.DETECTIONS),
            Wanted(keys.IDENTITIES),
        ]
        inbox = StreamReader(service.bus, service.intake, service.metrics, wanted)
        tracks = Publisher(service.bus, keys.TRACKS, service.metrics)
        wishes = Publisher(service.bus, keys.WISHES, service.metrics)
        events = Outbox(service.store, service.metrics)
        try:
            next_id = ids(service)

            def follow() -> None:
                following = Following(settings, places, next_id, service.metrics)
                run(service, inbox, following, tracks, wishes, events, watch)

            keep_running(service, follow)
        finally:
            events.close()
    return 0


def ids(service: Service[TrackerSettings]) -> Callable[[], int]:
    """Return a function that counts on from the last id that the store remembers."""
    last = service.store.patiently(lambda client: client.get(keys.TRACK_ID), service.stop)
    return count(int(str(last, "ascii") if isinstance(last, bytes) else 0) + 1).__next__


if __name__ == "__main__":
    sys.exit(main())
