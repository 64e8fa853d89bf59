"""Turn cameras and files into fresh, time-stamped frames. Writes `frames:{camera}`, and the names into `cameras`."""

import time
from collections.abc import Callable, Sequence

from capture.camera import Camera
from capture.settings import CaptureSettings
from capture.shaping import advice
from facewire.link import RedisAwayError
from facewire.service import Service
from facewire.streams import announce

LOOK_EVERY_S = 0.25
TELL_EVERY_S = 4.0


def run(service: Service[CaptureSettings], cameras: Sequence[Camera], look: Callable[[], None]) -> None:
    """Judge the cameras, whose threads read and publish, and tell the world of them until the service stops.

    Args:
        service: the service.
        cameras: all of them.
        look: looks whether other masks are wanted.
    """
    told_s, counted = float("-inf"), {camera: camera.frames for camera in cameras}
    while not service.stop.is_set():
        now_s = time.monotonic()
        look()
        for camera in cameras:
            judge(service, camera, now_s)
            camera.take_back()
        if now_s - told_s >= TELL_EVERY_S:
            for camera in cameras:
                tell(service, camera, (camera.frames - counted[camera]) / (now_s - told_s))
                counted[camera] = camera.frames
            told_s = now_s
        service.heartbeat.beat()
        service.stop.wait(LOOK_EVERY_S)


def judge(service: Service[CaptureSettings], camera: Camera, now_s: float) -> None:
    """Be unhealthy while a camera is in trouble, which does not stop the others."""
    name, trouble = f"camera {camera.source.name}", camera.trouble(now_s)
    if trouble:
        service.heartbeat.waiting(name, f"{name} ({camera.source.shown}), which {trouble}")
    else:
        service.heartbeat.ready(name)
    if trouble and trouble != camera.told:
        service.log.warning("camera lost", camera=camera.source.name, source=camera.source.shown, why=trouble)
    elif camera.told and not trouble:
        service.log.info("camera sends pictures", camera=camera.source.name)
    camera.told = trouble


def tell(service: Service[CaptureSettings], camera: Camera, fps: float) -> None:
    """Let readers find the camera, and show what it sends."""
    width, height = camera.size
    sends = "ended" if camera.ended else f"{width}x{height}@{fps:.0f}" if camera.frames else "no picture yet"
    service.heartbeat.note(camera.source.name, f"{camera.source.shown} {camera.closed or sends}")
    service.heartbeat.note(f"{camera.source.name} picture", advice(width, height))
    try:
        announce(service.bus, camera.source.name)
    except RedisAwayError:
        service.metrics.dropped("announcement")
