"""Give each face one ID in every frame.

Reads `frames:{camera}`, `detections:{camera}` and `identities:{camera}`; writes `tracks:{camera}`, `wishes:{camera}`,
and `events` to the store.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from facewire.controls import Watch
from facewire.layouts import Layouts
from facewire.live import LiveFile
from facewire.messages import Frame, Message
from facewire.service import Service
from facewire.silence import Silences
from facewire.streams import Publisher, StreamReader
from tracker.following import Following
from tracker.outbox import Outbox
from tracker.settings import TrackerSettings


@dataclass(frozen=True, slots=True)
class Told:
    """What may change while the service runs: what the home has switched, and what is marked in the pictures."""

    watch: Watch
    marks: LiveFile[Layouts]


def run(
    service: Service[TrackerSettings],
    inbox: StreamReader,
    following: Following,
    tracks: Publisher,
    wishes: Publisher,
    events: Outbox,
    told: Told,
) -> None:
    """Move the faces with every frame, correct them with every detection, until the service stops."""
    silences = Silences()

    def take(messages: Iterable[Message]) -> None:
        for message in messages:
            following.obey(told.watch.controls)
            following.mark(told.marks.now)
            step = following.take(message)
            if step.tracks is not None:
                tracks.publish(step.tracks)
                service.metrics.handled(step.tracks.camera, step.tracks.captured_ns)
            if step.wish is not None:
                wishes.publish(step.wish)
            if step.jump_ns and step.tracks is not None:
                events.shift(step.tracks.camera, step.jump_ns)
            for event in step.events:
                events.put(event)

    for message in inbox.messages(service.stop, lambda: take(silences.lasting())):
        ended = silences.end(message.camera) if isinstance(message, Frame) else []
        take([*ended, message])
