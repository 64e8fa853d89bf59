"""The bytes of version 1 do not change: services of different releases read each other's messages."""

import pytest

from facewire.codec import decode, encode
from facewire.messages import Message
from tests.places import ROOT
from tests.unit.messages import EXAMPLES

GOLDEN = ROOT / "tests" / "contract" / "golden"


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.TYPE)
def test_message_has_its_golden_bytes(message: Message) -> None:
    golden = bytes.fromhex((GOLDEN / f"{message.TYPE}.hex").read_text(encoding="ascii"))
    assert encode(message) == golden
    assert decode(golden, type(message)) == message


def test_every_type_has_golden_bytes() -> None:
    assert {path.stem for path in GOLDEN.glob("*.hex")} == {message.TYPE for message in EXAMPLES}
