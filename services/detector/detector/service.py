"""Find faces in the frames that are due.

Reads `frames:{camera}`, and `wishes:{camera}` for when they are; writes `detections:{camera}`.
"""

import time

from detector.backends import BackendError
from detector.cadence import Cadence
from detector.choosing import BackendInUse
from detector.finding import FaceFinder
from detector.settings import DetectorSettings
from detector.turned import TurnedCameras
from facewire import keys
from facewire.controls import Watch
from facewire.messages import Frame, Wish
from facewire.service import Service
from facewire.streams import Publisher, StreamReader

MS_PER_S = 1000


def run(
    service: Service[DetectorSettings],
    inbox: StreamReader,
    detections: Publisher,
    finder: FaceFinder,
    backend: BackendInUse,
    cadence: Cadence,
    watch: Watch,
) -> None:
    """Publish the faces of each due frame, newest first, until the service stops."""
    turned = TurnedCameras(lambda frame: finder.find(frame, backend), service.heartbeat.note)
    for message in inbox.messages(service.stop):
        backend.prefer(watch.controls.backend)
        if isinstance(message, Wish):
            inbox.pace(keys.FRAMES.key(message.camera), cadence.hear(message), message.seq)
        elif isinstance(message, Frame) and message.camera in watch.controls.undetected:
            inbox.pace(keys.FRAMES.key(message.camera), cadence.skipped(message))
        elif isinstance(message, Frame):
            started_s = time.perf_counter()
            try:
                found = finder.find(message, backend)
            except BackendError as error:
                backend.blame(error)
                continue
            detections.publish(found)
            spent_ms = (time.perf_counter() - started_s) * MS_PER_S
            inbox.pace(keys.FRAMES.key(message.camera), cadence.detected(message, spent_ms))
            service.metrics.handled(message.camera, message.captured_ns)
            try:
                turned.check(message, found)
            except BackendError as error:
                backend.blame(error)
