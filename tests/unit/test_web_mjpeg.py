"""Parts of the stream: a header that nothing can break out of, and lengths that are exact."""

import json
from dataclasses import replace
from email.parser import BytesParser
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from web import mjpeg

from facewire.messages import Frame, Person, Track, Tracks
from tests.unit.messages import FRAME, TRACK, TRACKS, frames, tracks

WICKED = ("Zoë\r\n\r\nX-Evil: 1", "a\nb", "--facewire\r\n", "\x85\u2028\u2029\x0b\x0c", '"\\', "\ud800", "👩🏽‍🚀")
jpegs = st.binary(max_size=300).map(lambda tail: b"\xff\xd8" + tail)
many_tracks = st.lists(tracks, max_size=4, unique_by=lambda track: track.id).map(tuple)


def named(name: str) -> Tracks:
    return replace(TRACKS, tracks=(replace(TRACK, identity=Person(name, 0.5)),))


def taken(stream: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Take a stream apart as RFC 2046 and 9112 say: a boundary's line, headers, an empty line, a body by its length."""
    found = []
    while stream:
        opening, _, stream = stream.partition(b"\r\n")
        assert opening == f"--{mjpeg.BOUNDARY}".encode()
        head, empty_line, stream = stream.partition(b"\r\n\r\n")
        assert empty_line
        headers = {name.lower(): value for name, value in BytesParser().parsebytes(head).items()}
        length = int(headers["content-length"])
        found.append((headers, stream[:length]))
        assert stream[length : length + 2] == b"\r\n"
        stream = stream[length + 2 :]
    return found


def parsed(header: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(header)
    return fields


@given(st.text(min_size=1, max_size=128))
@example(WICKED[0])
@example(WICKED[1])
@example(WICKED[2])
@example(WICKED[3])
@example(WICKED[4])
@example(WICKED[5])
@example(WICKED[6])
def test_no_name_can_break_out_of_the_header(name: str) -> None:
    header = mjpeg.about(FRAME, named(name))
    assert header.isascii()
    assert len(header.splitlines()) == 1
    assert parsed(header)["tracks"][0]["identity"]["name"] == name


@given(frames(), many_tracks)
def test_the_header_says_all_of_the_picture_and_its_tracks(frame: Frame, found: tuple[Track, ...]) -> None:
    about = parsed(mjpeg.about(frame, Tracks(frame.camera, frame.seq, frame.captured_ns, found)))
    assert {name: value for name, value in about.items() if name != "tracks"} == {
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "width": frame.width,
        "height": frame.height,
    }
    assert msgspec.convert(about["tracks"], tuple[Track, ...], strict=True) == found


@given(st.lists(st.tuples(jpegs, st.text(min_size=1, max_size=128)), max_size=4))
@example([(b"\xff\xd8\r\n--facewire\r\nContent-Length: 1\r\n\r\n", WICKED[0]), (b"\xff\xd8\r\n", WICKED[2])])
def test_parts_read_back_whatever_they_hold(sent: list[tuple[bytes, str]]) -> None:
    headers = [mjpeg.about(FRAME, named(name)) for _, name in sent]
    stream = b"".join(mjpeg.part(jpeg, header) for (jpeg, _), header in zip(sent, headers, strict=True))
    found = taken(stream)
    assert [jpeg for _, jpeg in found] == [jpeg for jpeg, _ in sent]
    assert [parsed(part["x-facewire"]) for part, _ in found] == [parsed(header) for header in headers]
    assert all(part["content-type"] == "image/jpeg" and set(part) == HEADERS for part, _ in found)


HEADERS = {"content-type", "content-length", "x-facewire"}


def test_the_stream_names_its_boundary() -> None:
    kind, _, boundary = mjpeg.CONTENT_TYPE.partition("; boundary=")
    assert kind == "multipart/x-mixed-replace"
    assert mjpeg.part(b"", "{}").startswith(f"--{boundary}\r\n".encode())
