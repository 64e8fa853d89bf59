"""Frame pictures for `multipart/x-mixed-replace`: each part's header says which faces its picture shows."""

import json

import msgspec

from facewire.messages import Frame, Tracks

BOUNDARY = "facewire"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


def about(frame: Frame, tracks: Tracks) -> str:
    """Return the `X-Facewire` header: compact ASCII JSON of the picture and its tracks."""
    fields = {
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "width": frame.width,
        "height": frame.height,
        "tracks": msgspec.to_builtins(tracks.tracks),
    }
    # ASCII, and no line break can be in it: a name in a header cannot end the header.
    return json.dumps(fields, separators=(",", ":"))


def part(jpeg: bytes, header: str) -> bytes:
    """Return one part of the stream."""
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Facewire: {header}\r\n\r\n"
    return head.encode("ascii") + jpeg + b"\r\n"
