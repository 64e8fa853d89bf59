"""Read CAMERA and CAMERAS into named sources.

No message here repeats what it was given: it may be a secret.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from capture.camera_list import split_cameras
from capture.spelling import misspelled, path_of_url
from facewire.address import is_file, shown, shown_path
from facewire.sanity import A_CAMERA_NAME, FREE_NAME

SCHEMES = ("rtsp", "rtsps", "http", "https")
DEMO = "demo"
ONLY_CAMERA = "camera"
KINDS = "/dev/videoN or another camera under /dev, rtsp://, rtsps://, http://, https://, a file or demo"
DEVICES = Path("/dev")
_DEVICE_NUMBER = re.compile(r"(?:video)?(\d{1,3})")
# What is under /dev and certainly no camera: better refused at once than waited for.
_NO_CAMERA = re.compile(
    r"[shv]d[a-z]\d*|nvme\d.*|mmcblk\d.*|loop\d+|dm-\d+|tty.*|ptmx|pts/.*|null|zero|full|u?random|k?mem|kmsg|video|"
    r"fd/.*|std(?:in|out|err)|snd/.*|input/.*"
)
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Source:
    """Where one camera's pictures come from; `uri` may hold a password, so it is never shown."""

    name: str
    kind: Literal["demo", "file", "device", "network"]
    uri: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """Name the source for people: of an address scheme, host and port; of a file its path."""
        if self.kind == "network":
            return shown(self.uri)
        return shown_path(self.uri) if self.kind == "file" else self.uri or DEMO


def parse_camera(text: str) -> Source:
    """Return the source that CAMERA names; the demo clip where it is empty.

    Raises:
        ValueError: it is no source.
    """
    return _source(ONLY_CAMERA, text.strip() or DEMO)


def parse_cameras(text: str) -> tuple[Source, ...]:
    """Return the sources of `name=source` entries between commas or line ends.

    Raises:
        ValueError: it is not such a list; says which camera, counted from 1.
    """
    sources: list[Source] = []
    for number, part in enumerate(split_cameras(text), start=1):
        name, equals, uri = (piece.strip() for piece in part.partition("="))
        if not equals or FREE_NAME.fullmatch(name) is None:
            raise ValueError(f"camera {number} does not begin with name=, {A_CAMERA_NAME}")
        if name in {source.name for source in sources}:
            raise ValueError(f"camera {number} has the name of an earlier one")
        try:
            sources.append(_source(name, uri))
        except ValueError as error:
            raise ValueError(f"camera {number} {error}") from None
    return tuple(sources)


def _source(name: str, uri: str) -> Source:
    if uri.lower() == DEMO:
        return Source(name, "demo")
    uri = path_of_url(uri) or uri
    if "://" in uri:
        _require_url(uri)
        return Source(name, "network", uri)
    if (number := _DEVICE_NUMBER.fullmatch(uri)) and not is_file(uri):
        return Source(name, "device", f"{DEVICES}/video{int(number[1])}")
    if not uri or not uri.isprintable():
        raise ValueError(f"is no source: {KINDS}")
    if "\\" in uri:
        raise ValueError("has a backslash in its path: write / instead")
    if (device := _under_devices(uri)) is None:
        if not is_file(uri) and (complaint := misspelled(uri)):
            raise ValueError(complaint)
        return Source(name, "file", uri)
    if not device:
        raise ValueError(f"is no source: {KINDS}")
    if _NO_CAMERA.fullmatch(device):
        raise ValueError(f"is no source but another device: {KINDS}")
    return Source(name, "device", uri)


def _under_devices(path: str) -> str | None:
    """Return a path below /dev, which it names itself or leads to as a link; None where it is elsewhere."""
    for known in (os.path.normpath(path), os.path.realpath(path)):
        if known == str(DEVICES) or known.startswith(f"{DEVICES}/"):
            below = known.removeprefix(str(DEVICES)).lstrip("/")
            return None if below.startswith("shm/") else below
    return None


def _require_url(uri: str) -> None:
    if _UNSEEN.search(uri):
        raise ValueError("has a blank in its URL: write it as %20")
    try:
        parts = urlsplit(uri)
        # Looked at for its check: a port that is no number raises.
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("has a URL that is not rtsp://, rtsps://, http:// or https:// with a host")


def file_path(source: Source, demo_clip: Path) -> Path | None:
    """Return the file that a source plays; None for a real camera."""
    if source.kind == "demo":
        return demo_clip
    return Path(source.uri) if source.kind == "file" else None
