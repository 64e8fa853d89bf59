"""Find faces in the frames that are due. Reads `frames:{camera}`, writes `detections:{camera}`."""

from detector.backends import BackendError
from detector.choosing import BackendInUse
from detector.finding import FaceFinder
from detector.settings import DetectorSettings
from facewire.messages import Frame
from facewire.service import Service
from facewire.streams import Publisher, StreamReader


def run(
    service: Service[DetectorSettings],
    frames: StreamReader,
    detections: Publisher,
    finder: FaceFinder,
    backend: BackendInUse,
) -> None:
    """Publish the faces of each due frame, newest first, until the service stops."""
    for frame in frames.messages(service.stop):
        if isinstance(frame, Frame):
            try:
                found = finder.find(frame, backend)
            except BackendError as error:
                backend.blame(error)
                continue
            detections.publish(found)
            service.metrics.handled(frame.camera, frame.captured_ns)
