"""Turn messages into msgpack bytes and back, and refuse bytes that are not exactly a message.

An entry is a msgpack map `{"v": 1, "t": <type>, ...fields}` (docs/architecture.md, "Messages").
Unknown keys are ignored, so that new optional keys may be added under version 1.
"""

from typing import Any, TypeVar

import msgpack
import msgspec

from facewire.audit import Decision
from facewire.messages import Detections, FaceEvent, Frame, Identity, InsaneValueError, Message, Tracks, Wish
from facewire.silence import Silence

M = TypeVar("M", bound=Message)

VERSION = 1
LIMIT_BYTES: dict[object, int] = {
    Frame: 32 * 2**20,
    Detections: 2**18,
    Tracks: 2**18,
    FaceEvent: 2**19,
    Wish: 2**12,
    Identity: 2**12,
    Decision: 2**12,
    Silence: 2**12,
}


class RejectedMessageError(ValueError):
    """Bytes that are not a message; `reason` is one of a fixed few words, fit for a metric's label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def encode(message: Message) -> bytes:
    """Pack a message into one msgpack map."""
    fields = msgspec.to_builtins(message, builtin_types=(bytes,))
    packed: bytes = msgpack.packb({"v": VERSION, "t": message.TYPE, **fields}, use_bin_type=True)
    return packed


def decode(raw: bytes, expected: type[M]) -> M:
    """Unpack `raw` into a message of the expected class.

    Raises:
        RejectedMessageError: the bytes are too many, no msgpack, of another version or type, lack a
            key, hold a wrong type, or hold a value that cannot be true.
    """
    fields = _unpack(raw, LIMIT_BYTES[expected])
    if fields.get("v") != VERSION:
        raise RejectedMessageError("version", f"{fields.get('v')!r:.40} where {VERSION} is spoken")
    if fields.get("t") != expected.TYPE:
        raise RejectedMessageError("type", f"{fields.get('t')!r:.40} where {expected.TYPE!r} belongs")
    try:
        # Text is not taken for bytes: msgspec would else read it as base64.
        return msgspec.convert(fields, expected, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise RejectedMessageError(_reason(error), str(error)) from error


def _unpack(raw: bytes, limit_bytes: int) -> dict[str, Any]:
    if len(raw) > limit_bytes:
        raise RejectedMessageError("oversized", f"{len(raw)} bytes where {limit_bytes} are the most")
    try:
        fields = msgpack.unpackb(raw, max_map_len=64, max_array_len=1024, max_ext_len=0)
    # Deep nesting raises StackError or RecursionError; text that is not UTF-8, UnicodeDecodeError (a ValueError).
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise RejectedMessageError("not_msgpack", type(error).__name__) from error
    if not isinstance(fields, dict):
        raise RejectedMessageError("not_msgpack", f"a {type(fields).__name__} where a map belongs")
    return fields


def _reason(error: msgspec.ValidationError) -> str:
    if isinstance(error.__cause__, InsaneValueError):
        return "insane"
    return "missing_key" if "missing required field" in str(error) else "wrong_type"
