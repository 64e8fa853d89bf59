"""Open one source, whatever it is, and give its pictures or the reason why there are none."""

import re
from collections.abc import Iterator
from threading import Event

from capture.devices import device_node, require_camera
from capture.http_camera import HttpCamera, HttpLimits, Video
from capture.opencv import cv2, open_device, open_file, open_stream
from capture.reading import camera_pictures, file_pictures
from capture.rtsp_probe import probe
from capture.settings import CaptureSettings
from capture.sources import Source, file_path
from capture.trouble import CameraError, not_opened
from facewire.metrics import Metrics
from facewire.pixels import Picture

# Named types alone are shown: a server may repeat a part of the address in others.
_CONTENT_TYPE = re.compile(
    r"(?:image|video)/(?:x-)?(?:mp4|mpeg|mp2t|webm|matroska|quicktime|msvideo|ms-asf|flv|ogg|3gpp|h26[45]|"
    r"jpeg|png|webp|gif|bmp|tiff|svg\+xml|avif|heic)|"
    r"application/(?:octet-stream|dash\+xml|vnd\.apple\.mpegurl|x-mpegurl|mp4|ogg|pdf|zip)|text/plain"
)


class Opener:
    """Opens a source for one attempt after the other.

    Args:
        source: what to open.
        settings: the size, rate and silence that are wanted.
        metrics: times and counts pictures.
        stop: ends the reading.
    """

    def __init__(self, source: Source, settings: CaptureSettings, metrics: Metrics, stop: Event) -> None:
        self.file = file_path(source, settings.demo_clip)
        self._source = source
        self._settings = settings
        self._metrics = metrics
        self._stop = stop

    def pictures(self, *, proven: bool) -> Iterator[Picture]:
        """Yield the pictures of one attempt, (height, width, 3) uint8 BGR; ends with a file, or with `stop`.

        Args:
            proven: the last attempt gave pictures, so that its address and credentials are right.

        Raises:
            CameraError: there are none, or no more; says why.
        """
        if self.file is not None:
            return self._file_pictures(str(self.file))
        if self._source.kind == "device":
            return self._device_pictures()
        if self._source.uri.lower().startswith("rtsp"):
            return self._rtsp_pictures(proven=proven)
        return self._http_pictures()

    def _file_pictures(self, path: str) -> Iterator[Picture]:
        capture = open_file(path)
        try:
            if not capture.isOpened():
                raise not_opened("its file is gone, or no video any more")
            settings = self._settings
            yield from file_pictures(capture, settings.frame_fps, self._metrics, self._stop, loop=settings.loop)
        finally:
            capture.release()

    def _device_pictures(self) -> Iterator[Picture]:
        node = device_node(self._source.uri)
        require_camera(node)
        capture = open_device(node, self._settings.frame_width, self._settings.frame_fps)
        silent = "it gives no pictures: choose another USB port, a shorter cable, or a smaller FRAME_WIDTH"
        yield from self._read(capture, not_opened("it offers no format that is read"), not_opened(silent))

    def _rtsp_pictures(self, *, proven: bool) -> Iterator[Picture]:
        """Yield the pictures of an RTSP camera.

        A camera that was not proven is probed first: FFmpeg would try a wrong password, and the probe again.
        """
        found = None if proven else self._probe()
        if found is not None and (found.seldom or found.offline):
            raise found
        capture = open_stream(self._source.uri, self._settings.camera_timeout_s)
        if not capture.isOpened() and proven:
            found = self._probe()
        unreadable = not_opened("it offers video, and none that can be played: choose H.264 or MJPEG there")
        silent = (
            f"it answers, and no picture came for {self._settings.camera_timeout_s:g} s (CAMERA_TIMEOUT_S): "
            "choose H.264 or MJPEG there, with a key frame every second or two"
        )
        yield from self._read(capture, found or unreadable, not_opened(silent))

    def _probe(self) -> CameraError | None:
        try:
            probe(self._source.uri, self._settings.camera_timeout_s)
        except CameraError as error:
            return error
        return None

    def _http_pictures(self) -> Iterator[Picture]:
        limits = HttpLimits(self._settings.camera_timeout_s, self._settings.frame_fps)
        for picture in HttpCamera(self._source.uri, limits, self._metrics, self._stop).pictures():
            if not isinstance(picture, Video):
                yield picture
                continue
            what = picture.content_type if _CONTENT_TYPE.fullmatch(picture.content_type) else "data of no known type"
            unreadable = f"it sends {what}, and no video that can be played in it: check the path of its address"
            capture = open_stream(picture.url, self._settings.camera_timeout_s)
            yield from self._read(capture, not_opened(unreadable), not_opened(unreadable))

    def _read(self, capture: cv2.VideoCapture, unopened: CameraError, silent: CameraError) -> Iterator[Picture]:
        """Yield the pictures of a live capture, and release it.

        Raises:
            CameraError: `unopened` or `silent` where there was none; else that they stopped.
        """
        count = 0
        try:
            if not capture.isOpened():
                raise unopened
            for picture in camera_pictures(capture, self._settings.frame_fps, self._metrics, self._stop):
                count += 1
                yield picture
        finally:
            capture.release()
        if not self._stop.is_set():
            raise CameraError("stopped sending pictures: the connection ended, or fell silent") if count else silent
