"""Import OpenCV so that it keeps quiet and small, and open captures with it.

OpenCV and FFmpeg print what they complain about, whole URLs with passwords included, straight to standard
error; both read how much of it, and how big a picture may be, from the environment while they load. So capture
imports cv2 from here only.
"""

import os

# AV_LOG_QUIET of FFmpeg's libavutil/log.h. A picture of 16 million pixels takes 50 MB; what claims more is refused.
os.environ.update(OPENCV_LOG_LEVEL="OFF", OPENCV_FFMPEG_LOGLEVEL="-8", OPENCV_IO_MAX_IMAGE_PIXELS=str(4096 * 4096))

import cv2

__all__ = ["cv2", "open_device", "open_file", "open_stream"]

cv2.setNumThreads(1)

RAW_WIDTH_LIMIT_PX = 640
"""Up to here a USB 2 camera sends 30 raw frames a second, which need no decoding; above it, JPEG has to do."""


def open_file(path: str) -> cv2.VideoCapture:
    """Open a video file; the capture says itself whether that worked."""
    # One decoder thread: more would hold more frames, and the others have work to do too.
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def open_stream(uri: str, timeout_s: float) -> cv2.VideoCapture:
    """Open a network stream with FFmpeg; the capture says itself whether that worked."""
    timeout_ms = int(timeout_s * 1000)
    asked = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: timeout_ms,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: timeout_ms,
        cv2.CAP_PROP_N_THREADS: 1,
    }
    return cv2.VideoCapture(uri, cv2.CAP_FFMPEG, [number for pair in asked.items() for number in pair])


def open_device(path: str, width_px: int, fps: float) -> cv2.VideoCapture:
    """Open a device of Video4Linux; the capture says itself whether that worked."""
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if width_px > RAW_WIDTH_LIMIT_PX:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    # Most cameras are 4:3; a driver that cannot do this takes what is nearest.
    for name, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, width_px),
        (cv2.CAP_PROP_FRAME_HEIGHT, width_px * 3 // 4),
        (cv2.CAP_PROP_FPS, fps),
        (cv2.CAP_PROP_BUFFERSIZE, 2),
    ):
        capture.set(name, value)
    return capture
