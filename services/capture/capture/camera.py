"""Follow one camera: open it, read it, publish its frames; when it is lost, try again for ever."""

import time
from threading import Thread

from capture.curtain import PRIVACY, Curtain
from capture.masking import Veil
from capture.opening import Opener
from capture.outlet import Outlet
from capture.retry import Retry
from capture.settings import CaptureSettings
from capture.shaping import fitted
from capture.sources import Source
from capture.trouble import CameraError
from facewire.pixels import Picture
from facewire.service import Service, keep_running

NOT_YET = "has sent no picture yet"
GRACE_S = 2.0
"""A camera that hangs up and sends again within this was never lost."""


class Camera:
    """One camera and the thread that waits for its pictures, since OpenCV's reading cannot be interrupted.

    The thread writes what it sees into plain attributes; the service's loop reads them to judge it.

    Args:
        source: where the pictures come from.
        service: settings, metrics, log and the signal to stop.
        outlet: where the frames go.
        veil: covers what nobody shall see.
        curtain: says when nobody shall see anything.
    """

    def __init__(
        self, source: Source, service: Service[CaptureSettings], outlet: Outlet, veil: Veil, curtain: Curtain
    ) -> None:
        self.source = source
        self.frames = 0
        self.size = (0, 0)
        self.ended = False
        self.told = NOT_YET
        self._opener = Opener(source, service.settings, service.metrics, service.stop)
        self._service = service
        self._outlet = outlet
        self._veil = veil
        self._curtain = curtain
        self._lost = NOT_YET
        self._seen_s = time.monotonic()
        self._thread = Thread(target=self._keep_following, name=f"camera {source.name}", daemon=True)

    def start(self) -> None:
        """Begin to follow the camera."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; False if OpenCV still holds it."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def closed(self) -> str:
        """Why no picture leaves; empty if they do."""
        return self._curtain.closed

    def take_back(self) -> None:
        """Take from the bus what nobody shall see any more, whenever and by whom it was published."""
        # Again and again: one may have been on its way, the bus away, the camera lost, or capture down at that moment.
        if self._curtain.closed == PRIVACY or self._veil.bares:
            self._outlet.erase()

    def trouble(self, now_s: float) -> str:
        """Return what is wrong with the camera, empty if nothing is; `now_s` is monotonic."""
        silent_s, limit_s = now_s - self._seen_s, self._service.settings.camera_timeout_s
        if self._lost:
            return self._lost if not self.frames or silent_s > GRACE_S else ""
        if not self.ended and silent_s > limit_s:
            return (
                f"sends no pictures any more for {limit_s:g} s (CAMERA_TIMEOUT_S; "
                "raise it for a camera that sends fewer)"
            )
        return self._outlet.refusal

    def _keep_following(self) -> None:
        # The service's loop judges the camera; a thread that OpenCV holds is no reason to end the others.
        keep_running(self._service, self._follow, beats=False)

    def _follow(self) -> None:
        stop, retry, proven = self._service.stop, Retry(), False
        while not stop.is_set():
            opened_s, before = time.monotonic(), self.frames
            error = self._read_until_lost(proven=proven)
            if self.ended:
                stop.wait()
                return
            pictures = self.frames - before
            proven = pictures > 0
            if error is not None:
                self._lose(error, told=not proven)
            stop.wait(retry.pause_s(error, pictures=pictures, lasted_s=time.monotonic() - opened_s))

    def _read_until_lost(self, *, proven: bool) -> CameraError | None:
        before = self.frames
        try:
            for picture in self._opener.pictures(proven=proven):
                self._send(picture)
        except CameraError as error:
            return error
        if self._opener.file is None or self._service.stop.is_set():
            return None
        if not self._service.settings.loop:
            self.ended = True
        elif self.frames == before:
            return CameraError("has no picture that can be read in its file")
        return None

    def _send(self, picture: Picture) -> None:
        captured_ns = time.time_ns()
        small = fitted(picture, self._service.settings.frame_width)
        self.size = (small.shape[1], small.shape[0])
        self.frames += 1
        self._seen_s = time.monotonic()
        self._lost = ""
        if self._curtain.closed:
            return
        with self._service.metrics.stage("mask"):
            covered = self._veil.cover(small)
        if self._veil.hides_more and not self._outlet.erase():
            self._service.metrics.dropped("frames_unpublished")
            return
        self._veil.publishing()
        self._outlet.publish(covered, captured_ns)

    def _lose(self, error: CameraError, *, told: bool) -> None:
        """Take a camera for lost; one that sent pictures until now only if it cannot be opened again at once."""
        if self._service.stop.is_set():
            return
        self._service.metrics.error("camera_lost")
        if told or error.seldom:
            self._lost = str(error)
