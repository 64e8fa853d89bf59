"""`python -m tracker` runs the service; `python -m tracker replay` runs a recording through it."""

import argparse
import sys
from collections.abc import Iterable
from itertools import count

import cv2

from facewire import keys, lookup
from facewire.controls import watching
from facewire.layouts import layouts, live_layouts, summary
from facewire.link import RedisAwayError
from facewire.live import keep_looking
from facewire.service import Service, keep_running, running
from facewire.settings import load, stop_operator
from facewire.streams import Publisher, StreamReader, Wanted
from tracker import replaying
from tracker.earlier import recall
from tracker.following import Following
from tracker.outbox import Outbox
from tracker.service import Told, run
from tracker.settings import TrackerSettings
from tracker.sources import MissingError, source
from tracker.zones import Places

# A hiccup of five frames is caught up with, so that no frame lacks its tracks; the bus keeps at least six.
BACKLOG = 5


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
    marked = layouts(settings)
    with running("tracker", settings) as service:
        watch = watching(service)
        live = live_layouts(service, marked, lambda layouts: summary(layouts, ("zones", "lines")))
        keep_looking(service, live)
        wanted = [
            Wanted(keys.FRAMES, newest=True, backlog=BACKLOG),
            Wanted(keys.DETECTIONS),
            Wanted(keys.IDENTITIES),
        ]
        inbox = StreamReader(service.bus, service.intake, service.metrics, wanted)
        tracks = Publisher(service.bus, keys.TRACKS, service.metrics)
        wishes = Publisher(service.bus, keys.WISHES, service.metrics)
        earlier = recall(service)
        next_id = count(earlier.last_id + 1).__next__
        events = Outbox(service.store, service.metrics, earlier)
        try:

            def follow() -> None:
                # Of a run that was killed, or that an unforeseen error ended.
                events.close_visits(last_followed(service, events.cameras))
                following = Following(settings, Places(live.now), next_id, service.metrics)
                run(service, inbox, following, tracks, wishes, events, Told(watch, live))

            keep_running(service, follow)
        finally:
            events.close()
    return 0


def last_followed(service: Service[TrackerSettings], cameras: Iterable[str]) -> dict[str, int]:
    """Return when the faces of cameras were last followed, as far as the bus still knows it."""
    try:
        found = {camera: service.bus.once(lambda client: lookup.newest_tracks(client, camera)) for camera in cameras}  # noqa: B023  it is called at once
    except RedisAwayError:
        return {}
    return {camera: tracks.captured_ns for camera, tracks in found.items() if tracks is not None}


if __name__ == "__main__":
    sys.exit(main())
