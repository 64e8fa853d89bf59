"""Follow one camera: open it, read it, publish its frames; when it is lost, try again for ever."""

import time
from collections.abc import Iterator
from threading import Thread

from capture.curtain import PRIVACY, Curtain
from capture.masking import Veil
from capture.opencv import cv2, open_camera, open_file
from capture.outlet import Outlet
from capture.reading import camera_pictures, file_pictures
from capture.settings import CaptureSettings
from capture.shaping import fitted
from capture.sources import Source, file_path
from facewire.pixels import Picture
from facewire.service import Service, keep_running

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 15.0
STEADY_S = 10.0
"""A camera that sent pictures for this long is tried again soon when it is lost."""


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
        self._file = file_path(source, service.settings.demo_clip)
        self._service = service
        self._outlet = outlet
        self._veil = veil
        self._curtain = curtain
        self._lost = "has sent no picture yet"
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
        silent_s = self._service.settings.camera_timeout_s
        if not self._lost and not self.ended and now_s - self._seen_s > silent_s:
            return f"sends no pictures any more for {silent_s:g} s"
        return self._lost or self._outlet.refusal

    def _keep_following(self) -> None:
        # The service's loop judges the camera; a thread that OpenCV holds is no reason to end the others.
        keep_running(self._service, self._follow, beats=False)

    def _follow(self) -> None:
        stop, retry_s = self._service.stop, FIRST_RETRY_S
        while not stop.is_set():
            opened_s = time.monotonic()
            self._read_until_lost()
            if self.ended:
                stop.wait()
                return
            if self._seen_s - opened_s > STEADY_S:
                retry_s = FIRST_RETRY_S
            stop.wait(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def _read_until_lost(self) -> None:
        capture = self._open()
        try:
            if not capture.isOpened():
                self._lose("cannot be opened")
                return
            for picture in self._pictures(capture):
                self._send(picture)
        finally:
            capture.release()
        if self._file and not self._service.settings.loop:
            self.ended = True
        else:
            self._lose("stopped sending pictures")

    def _open(self) -> cv2.VideoCapture:
        settings = self._service.settings
        if self._file:
            return open_file(str(self._file))
        return open_camera(self.source, settings.frame_width, settings.frame_fps, settings.camera_timeout_s)

    def _pictures(self, capture: cv2.VideoCapture) -> Iterator[Picture]:
        settings, metrics, stop = self._service.settings, self._service.metrics, self._service.stop
        if self._file:
            return file_pictures(capture, settings.frame_fps, metrics, stop, loop=settings.loop)
        return camera_pictures(capture, settings.frame_fps, metrics, stop)

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

    def _lose(self, why: str) -> None:
        if self._service.stop.is_set():
            return
        if self._lost != why:
            self._service.log.warning("camera lost", camera=self.source.name, source=self.source.shown, why=why)
        self._lost = why
        self._service.metrics.error("camera_lost")
