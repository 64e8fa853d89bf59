"""Write WebM-like files as browsers record them: no duration, no index, and a frame rate that is not true."""

from collections.abc import Sequence
from pathlib import Path

EBML, SEGMENT, INFO, SCALE, TRACKS, TRACK = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x2AD7B1, 0x1654AE6B, 0xAE
NUMBER, UID, TYPE, DEFAULT_DURATION, CODEC, VIDEO, WIDTH, HEIGHT = 0xD7, 0x73C5, 0x83, 0x23E383, 0x86, 0xE0, 0xB0, 0xBA
CLUSTER, TIME, BLOCK, DOC_TYPE = 0x1F43B675, 0xE7, 0xA3, 0x4282
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def element(number: int, content: bytes) -> bytes:
    return _id(number) + (len(content) | 1 << 56).to_bytes(8, "big") + content


def unsigned(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(8, "big"))


def recorded(
    path: Path, images: Sequence[bytes], stamps_ms: Sequence[int], *, fps: float, size: tuple[int, int]
) -> Path:
    """Write JPEG pictures with their time stamps, under a claimed frame rate; one cluster each."""
    video = element(VIDEO, unsigned(WIDTH, size[0]) + unsigned(HEIGHT, size[1]))
    track = unsigned(NUMBER, 1) + unsigned(UID, 1) + unsigned(TYPE, 1) + element(CODEC, b"V_MJPEG") + video
    if fps:
        track += unsigned(DEFAULT_DURATION, round(1e9 / fps))
    clusters = [
        element(CLUSTER, unsigned(TIME, stamp_ms) + element(BLOCK, b"\x81\x00\x00\x80" + image))
        for image, stamp_ms in zip(images, stamps_ms, strict=True)
    ]
    head = element(EBML, element(DOC_TYPE, b"matroska"))
    segment = element(INFO, unsigned(SCALE, 1_000_000)) + element(TRACKS, element(TRACK, track)) + b"".join(clusters)
    path.write_bytes(head + _id(SEGMENT) + UNKNOWN_SIZE + segment)
    return path


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
