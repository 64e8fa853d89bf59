"""The bytes of version 1 do not change: services of different releases read each other's messages.

`golden/earlier` holds what earlier releases wrote, before keys were added; it must be read for ever.
"""

import pytest

from facewire.codec import decode, encode
from facewire.messages import Message
from tests.places import ROOT
from tests.unit.messages import CROSSED, ENTERED, EVENT, EXAMPLES, LEFT_ZONE, TRACKS

GOLDEN = ROOT / "tests" / "contract" / "golden"
EARLIER: dict[str, Message] = {
    "event": EVENT,
    "event_with_its_place": EVENT,
    "event_crossed": CROSSED,
    "event_entered": ENTERED,
    "event_left_zone": LEFT_ZONE,
    "tracks": TRACKS,
}


def golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_message_has_its_golden_bytes(name: str) -> None:
    message = EXAMPLES[name]
    assert encode(message) == golden(name)
    assert decode(golden(name), type(message)) == message


@pytest.mark.parametrize("name", EARLIER)
def test_what_earlier_releases_wrote_is_read(name: str) -> None:
    message = EARLIER[name]
    assert encode(message) != golden(f"earlier/{name}")
    assert decode(golden(f"earlier/{name}"), type(message)) == message


def test_every_example_has_golden_bytes_and_every_type_an_example() -> None:
    assert {path.stem for path in GOLDEN.glob("*.hex")} == set(EXAMPLES)
    assert {path.stem for path in GOLDEN.glob("earlier/*.hex")} == set(EARLIER)
    types = {"frame", "detections", "tracks", "event", "wish", "identity", "decision", "silence"}
    assert {message.TYPE for message in EXAMPLES.values()} == types
