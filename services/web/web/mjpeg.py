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
    return _ascii(fields)


def part(jpeg: bytes, header: str, camera: str = "") -> bytes:
    """Return one picture's part of the stream.

    Args:
        jpeg: the picture.
        header: what `about` says of it.
        camera: its camera, in a stream of several.
    """
    named = f"X-Camera: {camera}\r\n" if camera else ""
    return _part("image/jpeg", f"{named}X-Facewire: {header}\r\n", jpeg)


def text_part(topic: str, body: bytes, problem: str = "") -> bytes:
    """Return the part of a topic's answer.

    Args:
        topic: the question.
        body: the answer as JSON; empty where it is as it was, or there is a problem.
        problem: why there is no answer.
    """
    told: dict[str, object] = {"problem": problem} if problem else {"changed": bool(body)}
    header = _ascii({"topic": topic} | told)
    return _part("application/json", f"X-Facewire: {header}\r\n", body)


def _ascii(fields: dict[str, object]) -> str:
    # ASCII, and no line break can be in it: a name in a header cannot end the header.
    return json.dumps(fields, separators=(",", ":"))


def _part(kind: str, headers: str, body: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode("ascii") + body + b"\r\n"
