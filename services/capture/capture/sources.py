"""Read CAMERA and CAMERAS into named sources.

No message here repeats what it was given: it may be a secret.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from facewire.address import shown, shown_path
from facewire.sanity import A_CAMERA_NAME, FREE_NAME

SCHEMES = ("rtsp", "rtsps", "http", "https")
DEMO = "demo"
ONLY_CAMERA = "camera"
DEVICE = re.compile(r"/dev/video\d+")
# A comma inside a URL is part of it; only one that a `name=source` follows begins the next camera.
_NEXT = re.compile(r",(?=[^,=/:?&@]*=(?:[a-zA-Z]+://|\.{0,2}/|demo(?:,|$)))")
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
    """Return the sources of `name=source,name=source`.

    Raises:
        ValueError: it is not such a list; says which camera, counted from 1.
    """
    sources: list[Source] = []
    for number, part in enumerate(_NEXT.split(text), start=1):
        name, equals, uri = part.strip().partition("=")
        if not equals or FREE_NAME.fullmatch(name) is None:
            raise ValueError(f"camera {number} does not begin with name=, {A_CAMERA_NAME}")
        if name in {source.name for source in sources}:
            raise ValueError(f"camera {number} has the name of an earlier one")
        try:
            sources.append(_source(name, uri.strip()))
        except ValueError as error:
            raise ValueError(f"camera {number} {error}") from None
    return tuple(sources)


def _source(name: str, uri: str) -> Source:
    if uri == DEMO:
        return Source(name, "demo")
    if "://" in uri:
        _require_url(uri)
        return Source(name, "network", uri)
    if DEVICE.fullmatch(uri):
        return Source(name, "device", uri)
    if not uri or uri.startswith("/dev/") or not uri.isprintable():
        raise ValueError("is no source: /dev/videoN, rtsp://, rtsps://, http://, https://, a file or demo")
    return Source(name, "file", uri)


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
