"""Read the dashboard's MJPEG stream as any client would: each part's headers and its JPEG."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.servers import HUNG_S


@dataclass(frozen=True, slots=True)
class Part:
    """One picture of the stream, and what its `X-Facewire` header says of it."""

    about: dict[str, Any]
    jpeg: bytes


def parts(url: str) -> Iterator[Part]:
    """Yield the parts of a stream as they come, until it ends."""
    with urllib.request.urlopen(url, timeout=HUNG_S) as stream:
        while True:
            headers = _headers(stream)
            if headers is None:
                return
            yield Part(json.loads(headers["x-facewire"]), stream.read(int(headers["content-length"])))


def _headers(stream: Any) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    while True:
        line = stream.readline()
        if not line:
            return None
        text = line.decode().strip()
        if text.startswith("--") or (not text and not headers):
            continue
        if not text:
            return headers
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
