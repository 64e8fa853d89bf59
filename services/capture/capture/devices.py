"""Find the camera that a device path leads to, and say why one cannot be used (V4L2)."""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from capture.trouble import CameraError, not_opened

VIDEO_MAJOR = 81
"""Device nodes of Video4Linux have this major number (admin-guide/devices.rst)."""
# linux/videodev2.h: VIDIOC_QUERYCAP of 104 bytes, VIDIOC_REQBUFS of 20, and what they hold.
_QUERY_CAPABILITIES, _REQUEST_BUFFERS = 0x80685600, 0xC0145608
_CAPTURES, _CAPTURES_PLANES, _HAS_NODE_CAPABILITIES = 0x1, 0x1000, 0x80000000
_CAPTURE_TYPE, _MMAP = 1, 1


def is_video_node(there: os.stat_result) -> bool:
    """Say whether a file is a node of Video4Linux."""
    return stat.S_ISCHR(there.st_mode) and os.major(there.st_rdev) == VIDEO_MAJOR


def device_node(path: str, is_video: Callable[[os.stat_result], bool] = is_video_node) -> str:
    """Return the video node that a path leads to now: behind a link it may change whenever a camera is plugged in.

    Args:
        path: the path, of a node or of a link to one.
        is_video: says whether a file is a video node.

    Raises:
        CameraError: there is none; says why.
    """
    node = os.path.realpath(path)
    try:
        there = Path(node).stat()
    except PermissionError:
        raise not_opened("its device may not be looked at: check the permissions of its folder") from None
    except OSError:
        if Path(path).is_symlink():
            raise not_opened("its link leads to no device: is the camera plugged in?") from None
        raise not_opened("there is no such device: is the camera plugged in, and the path right?") from None
    if not is_video(there):
        raise not_opened("its path leads to something that is no camera: name a /dev/video device or a link to one")
    return node


def require_camera(node: str) -> None:
    """Require that a video node can be opened, gives pictures, and is not in use.

    Raises:
        CameraError: it is not so; says why.
    """
    try:
        opened = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _open_error(error) from None
    try:
        _require_capture(opened)
        _require_free(opened)
    finally:
        os.close(opened)


def _open_error(error: OSError) -> CameraError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return not_opened("its device may not be opened: its group must be video, of which this user is a member")
    if error.errno == errno.EBUSY:
        return _busy()
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return not_opened("its device is there and no camera behind it: unplug it and plug it in again")
    return not_opened(f"its device fails ({errno.errorcode.get(error.errno or 0, 'unknown error')})")


def _require_capture(opened: int) -> None:
    answer = bytearray(104)
    try:
        fcntl.ioctl(opened, _QUERY_CAPABILITIES, answer)
    except OSError:
        raise not_opened("its device does not answer as cameras do: name another /dev/video device") from None
    everything, of_node = struct.unpack_from("=II", answer, 84)
    capabilities = of_node if everything & _HAS_NODE_CAPABILITIES else everything
    if not capabilities & (_CAPTURES | _CAPTURES_PLANES):
        raise not_opened("its device gives no pictures (metadata or output): name the camera's first /dev/video device")


def _require_free(opened: int) -> None:
    request = bytearray(struct.pack("=IIIII", 1, _CAPTURE_TYPE, _MMAP, 0, 0))
    try:
        fcntl.ioctl(opened, _REQUEST_BUFFERS, request)
    except OSError as error:
        # Others than EBUSY are a matter of what kind of buffers it has.
        if error.errno == errno.EBUSY:
            raise _busy() from None


def _busy() -> CameraError:
    return not_opened("another program is using it: end that program")
