"""What is a message survives the way through bytes; what is none is refused with a reason, whatever it is."""

import math
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facewire.codec import LIMIT_BYTES, RejectedMessageError, decode, encode
from facewire.messages import Detections, Face, Frame, InsaneValueError, Message, Tracks
from tests.unit.messages import (
    CROSSED,
    DETECTIONS,
    EVENT,
    EXAMPLES,
    FACE,
    FRAME,
    LANDMARKS,
    LEFT_ZONE,
    TRACK,
    TRACKS,
    any_message,
)

REASONS = {"oversized", "not_msgpack", "version", "type", "missing_key", "wrong_type", "insane"}


def fields_of(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = msgpack.unpackb(encode(message))
    return fields


def reason(raw: bytes, expected: type[Message]) -> str:
    with pytest.raises(RejectedMessageError) as refused:
        decode(raw, expected)
    return refused.value.reason


def changed(message: Message, **fields: Any) -> bytes:
    packed: bytes = msgpack.packb(fields_of(message) | fields)
    return packed


@given(any_message)
def test_every_message_survives_the_way_there_and_back(message: Message) -> None:
    assert decode(encode(message), type(message)) == message


@given(any_message, st.data())
def test_a_flipped_byte_is_a_message_or_a_refusal_and_nothing_else(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(RejectedMessageError):
        assert isinstance(decode(bytes(raw), type(message)), type(message))


@given(st.binary(max_size=300))
@example(b"\x91" * 5000)
@example(b"\xde\xff\xff")
@example(b"\xc1")
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    for message in EXAMPLES.values():
        assert reason(raw, type(message)) in REASONS


@given(any_message, st.data())
def test_a_truncated_message_is_refused(message: Message, data: st.DataObject) -> None:
    raw = encode(message)
    assert reason(raw[: data.draw(st.integers(0, len(raw) - 1))], type(message)) == "not_msgpack"


@pytest.mark.parametrize("message", EXAMPLES.values(), ids=EXAMPLES)
def test_unknown_keys_are_ignored(message: Message) -> None:
    assert decode(changed(message, later="addition"), type(message)) == message


@pytest.mark.parametrize("message", EXAMPLES.values(), ids=EXAMPLES)
def test_each_required_key_is_missed(message: Message) -> None:
    optional = {"snapshot", "zone", "line", "direction", "dwell_s", "zones", "live_score", "v", "t"}
    for key in fields_of(message).keys() - optional:
        fields = fields_of(message)
        del fields[key]
        assert reason(msgpack.packb(fields), type(message)) == "missing_key", key


@pytest.mark.parametrize("message", EXAMPLES.values(), ids=EXAMPLES)
def test_another_version_or_type_is_refused(message: Message) -> None:
    assert reason(changed(message, v=2), type(message)) == "version"
    assert reason(changed(message, t="other"), type(message)) == "type"


def test_wrong_types_are_refused() -> None:
    assert reason(changed(FRAME, seq="7"), Frame) == "wrong_type"
    assert reason(changed(FRAME, data="text"), Frame) == "wrong_type"
    assert reason(changed(FRAME, encoding="jpeg"), Frame) == "wrong_type"
    assert reason(changed(TRACKS, tracks={}), Tracks) == "wrong_type"
    assert reason(changed(DETECTIONS, faces=[[1, 2]]), Detections) == "wrong_type"


def test_what_cannot_be_true_is_refused() -> None:
    assert reason(changed(FRAME, width=3), Frame) == "insane"
    assert reason(changed(FRAME, width=10**9), Frame) == "insane"
    assert reason(changed(FRAME, camera="../etc"), Frame) == "insane"
    assert reason(changed(DETECTIONS, inference_ms=math.nan), Detections) == "insane"
    assert reason(changed(EVENT, snapshot=b"no jpeg"), type(EVENT)) == "insane"
    for wrong in ({"zone": "porch"}, {"type": "entered"}, {"type": "entered", "zone": "A/b"}, {"type": "left_zone"}):
        assert reason(changed(EVENT, **wrong), type(EVENT)) == "insane"
    assert reason(changed(LEFT_ZONE, dwell_s=-0.1), type(EVENT)) == "insane"
    assert reason(changed(LEFT_ZONE, dwell_s=math.nan), type(EVENT)) == "insane"
    assert reason(changed(CROSSED, direction=None), type(EVENT)) == "insane"
    twice = fields_of(TRACKS)["tracks"] * 2
    assert reason(changed(TRACKS, tracks=twice), Tracks) == "insane"


def test_too_many_bytes_are_refused_before_they_are_unpacked() -> None:
    assert reason(b"\xc1" * (LIMIT_BYTES[Tracks] + 1), Tracks) == "oversized"


@pytest.mark.parametrize(
    "xyxy",
    [(math.nan, 0, 1, 1), (0, 0, math.inf, 1), (5, 0, 5, 9), (9, 0, 5, 9), (0, 0, 1e9, 1)],
    ids=["nan", "infinite", "no width", "inside out", "far away"],
)
def test_a_box_without_sense_cannot_be_made(xyxy: tuple[float, float, float, float]) -> None:
    with pytest.raises(InsaneValueError):
        Face(xyxy, 0.5, LANDMARKS)
    face = fields_of(DETECTIONS)["faces"][0] | {"xyxy": list(xyxy)}
    assert reason(changed(DETECTIONS, faces=[face]), Detections) == "insane"


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan])
def test_a_score_outside_its_range_cannot_be_made(score: float) -> None:
    with pytest.raises(InsaneValueError):
        Face(FACE.xyxy, score, LANDMARKS)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        TRACK.id = 4  # type: ignore[misc]
