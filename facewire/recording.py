"""A recording: entries of the bus's streams in the order in which they arrived, in one file.

The file is a sequence of msgpack objects: a header `{"t": "facewire recording", "v": 1}`, then for each entry
`[stream key, entry id, packing, bytes, crc32 of key, id and entry]`, last `{"end": number of entries}`.
Packing is 0 for the entry as it is, 1 for zlib, 2 for zlib of the difference (bytes, modulo 256) from the stream's last
entry, which is of the same length: a picture differs little from the one before (docs/adr/0012).
Among them, `silence:{camera}` without an entry id says for how long the camera had sent no frame (docs/adr/0021).
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgpack
import numpy as np

KIND = "facewire recording"
VERSION = 1
SILENCE = "silence"
AS_IT_IS, PACKED, DIFFERENCE = range(3)
LIMIT_BYTES = 33 * 2**20
# Below this an entry is not worth the time.
PACK_FROM_BYTES = 4096
READ_AT_ONCE_BYTES = 2**20


class RecordingError(Exception):
    """The file is no recording, or not a whole one; its text is one line that says what is wrong."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream: the stream's key, the entry's id, and its message as bytes."""

    key: str
    entry_id: str
    raw: bytes


class Writer:
    """Packs entries into a file that is open.

    Args:
        file: where they go.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.count = 0
        self._file = file
        self._last: dict[str, bytes] = {}
        self._put({"t": KIND, "v": VERSION})

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        packing, content = _pack(entry.raw, self._last.get(entry.key, b""))
        self._last[entry.key] = entry.raw
        self._put([entry.key, entry.entry_id, packing, content, _checksum(entry)])
        self.count += 1

    def end(self) -> None:
        """Say that this is all."""
        self._put({"end": self.count})

    def _put(self, value: object) -> None:
        self._file.write(msgpack.packb(value, use_bin_type=True))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write a recording that is there when the block ends, and not at all when it fails.

    Raises:
        OSError: it cannot be written.
    """
    half_done = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with half_done.open("xb") as file:
            writer = Writer(file)
            yield writer
            writer.end()
        half_done.replace(path)
    finally:
        half_done.unlink(missing_ok=True)


def read(path: Path) -> Iterator[Entry]:
    """Yield a recording's entries in their order.

    Raises:
        RecordingError: it is none, or damaged, or not whole; what came before was right.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        values = msgpack.Unpacker(
            file,
            read_size=READ_AT_ONCE_BYTES,
            max_buffer_size=LIMIT_BYTES + READ_AT_ONCE_BYTES,
            max_map_len=4,
            max_array_len=8,
            max_ext_len=0,
        )
        _require_header(_next(values))
        yield from _entries(values)


def _entries(values: Iterator[Any]) -> Iterator[Entry]:
    last: dict[str, bytes] = {}
    count = 0
    while True:
        value = _next(values, count)
        if value == {"end": count}:
            return
        if value is None:
            raise RecordingError(f"is cut off after {count} entries")
        entry = _unpacked(value, last)
        if entry is None:
            raise RecordingError(f"is damaged after {count} entries")
        last[entry.key] = entry.raw
        count += 1
        yield entry


def _next(values: Iterator[Any], count: int = 0) -> Any:  # noqa: ANN401  whatever the file holds
    try:
        return next(values, None)
    # Nesting raises StackError; text that is not UTF-8, UnicodeDecodeError (a ValueError).
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise RecordingError(f"is damaged after {count} entries" if count else "is no recording") from error


def _require_header(value: object) -> None:
    if not isinstance(value, dict) or value.get("t") != KIND:
        raise RecordingError("is no recording; scripts/record makes one")
    if value.get("v") != VERSION:
        raise RecordingError(f"is a recording of version {value.get('v')!r:.20}, and {VERSION} is what is read here")


def _pack(raw: bytes, before: bytes) -> tuple[int, bytes]:
    if len(raw) < PACK_FROM_BYTES:
        return AS_IT_IS, raw
    if len(before) == len(raw):
        return DIFFERENCE, deflate((_bytes(raw) - _bytes(before)).tobytes())
    return PACKED, deflate(raw)


def _unpacked(value: object, last: dict[str, bytes]) -> Entry | None:
    """Return the entry that a value of the file stands for; None if it is none."""
    match value:
        case [str(key), str(entry_id), int(packing), bytes(content), int(checksum)]:
            raw = _unpack(packing, content, last.get(key, b""))
            entry = Entry(key, entry_id, raw) if raw is not None else None
            return entry if entry is not None and _checksum(entry) == checksum else None
    return None


def _checksum(entry: Entry) -> int:
    return zlib.crc32(entry.raw, zlib.crc32(f"{entry.key} {entry.entry_id}".encode()))


def _unpack(packing: int, content: bytes, before: bytes) -> bytes | None:
    if packing == AS_IT_IS:
        return content
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(content, LIMIT_BYTES)
    except zlib.error:
        return None
    if packing == PACKED:
        return plain
    if packing == DIFFERENCE and len(plain) == len(before):
        return (_bytes(plain) + _bytes(before)).tobytes()
    return None


def deflate(raw: bytes) -> bytes:
    """Pack bytes as zlib does, by run lengths and frequencies alone."""
    # What is left of a picture after the last one's was taken off it is noise and runs of zeros.
    packing = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packing.compress(raw) + packing.flush()


def _bytes(raw: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(raw, np.uint8)
