"""Recognise sources that are written as other programs want them, and tell the spelling that is read here.

Nothing here repeats a text: it may hold a password.
"""

import re
from urllib.parse import unquote, urlsplit

_USB = "names no device: write /dev/video0, or the camera's link in /dev/v4l/by-id"
_CSI = "names a CSI camera, which has no plain V4L2 stream: put MediaMTX's rpiCamera in front and write its rtsp://"
_FFMPEG = "names a device as FFmpeg does: write /dev/videoN"
_MISSPELLED = tuple(
    (re.compile(pattern, re.IGNORECASE), complaint)
    for pattern, complaint in (
        (r"(?:rtsps?|https?)[:;,/](?!/?\w+\.\w+\Z).*", "has no :// behind its scheme: write it there"),
        (r"file:.*", "is a file with a scheme: write its path alone"),
        (r"(?:v4l2?|dshow|device|avfoundation)[:=].*|video=.*", _FFMPEG),
        (r"dev/.*", "lacks the / before dev: write /dev/videoN"),
        (r"(?:usb|web)?[ _-]?cam(?:era)?[ _-]?\d{0,2}|usb[ _-]?\d{0,2}|-1|any|auto", _USB),
        (r"(?:csi|libcamera|picam(?:era)?2?|rpi(?:cam(?:era)?)?|raspi(?:cam|vid)?)[ _-]?\d?", _CSI),
        (r"~.*", "begins with ~, which is not expanded here: write the whole path"),
        (r"\$.*|.*\$\{.*", "holds a variable, which is not expanded here: write its value"),
    )
)
_HOST = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)+|localhost)"
_BARE_ADDRESS = re.compile(
    rf"/{{0,2}}(?:[^/]+@{_HOST}(?::\d+)?(?:/.*)?|{_HOST}:\d{{1,5}}(?:/.*)?|(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?:/.*)?)"
    r"|[\w-]+(?:\.[\w-]+)+/[^.]*",
    re.IGNORECASE,
)
_LOCAL = ("", "localhost", "127.0.0.1")


def path_of_url(text: str) -> str | None:
    """Return the path of a `file://` URL of this host; None where a text is something else."""
    if not text.lower().startswith("file://"):
        return None
    parts = urlsplit(text, allow_fragments=False)
    path = unquote(parts.path + (f"?{parts.query}" if parts.query else ""))
    return path if parts.netloc.lower() in _LOCAL and path.startswith("/") else None


def misspelled(text: str) -> str:
    """Return the error of a source that was taken for a file; empty where it may be one."""
    for pattern, complaint in _MISSPELLED:
        if pattern.fullmatch(text):
            return complaint
    if _BARE_ADDRESS.fullmatch(text):
        return "looks like an address without a scheme: write rtsp:// or http:// before its host"
    return ""
