"""What the home may switch: what a command means, and what is said of it once the store has it."""

import re
from dataclasses import dataclass

from facewire import keys
from facewire.controls import OFF, ON, Controls
from iot_bridge.topics import Topics

DETECTION, PRIVACY = "detection", "privacy"
RECOGNITION, DETECT_EVERY, BACKEND = keys.RECOGNITION, keys.DETECT_EVERY, keys.BACKEND
AS_IT_IS = "auto"
"""As the environment says."""
LONGEST_PAYLOAD_BYTES = 64


class RefusedError(Exception):
    """A command that makes no sense; `reason` is one of a fixed few words, fit for a metric's label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Command:
    """What to write to the store: a field of `controls`, and its value, None for as the environment says."""

    field: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What commands may name.

    Args:
        cameras: those there are.
        backends: those that can be used here.
        detect_every_max: the most frames per detection.
    """

    cameras: frozenset[str]
    backends: tuple[str, ...]
    detect_every_max: int


def understood(camera: str, name: str, payload: bytes, choices: Choices) -> Command | None:
    """Return what a command asks for; None if there is nothing of that name to be switched.

    Raises:
        RefusedError: there is, and it cannot be switched so.
    """
    if camera and name in (DETECTION, PRIVACY):
        if camera not in choices.cameras:
            raise RefusedError("unknown_camera", f"there is no camera {camera[:32]!r}")
        return _camera_command(camera, name, _text(payload))
    if camera or name not in (RECOGNITION, DETECT_EVERY, BACKEND):
        return None
    text = _text(payload)
    if name == RECOGNITION:
        return Command(RECOGNITION, None if _is_on(text) else OFF)
    if name == DETECT_EVERY:
        return Command(DETECT_EVERY, _frames(text, choices.detect_every_max))
    if text not in (AS_IT_IS, *choices.backends):
        raise RefusedError("bad_value", f"{text!r} is none of {', '.join((AS_IT_IS, *choices.backends))}")
    return Command(BACKEND, None if text == AS_IT_IS else text)


def states(controls: Controls, cameras: frozenset[str], topics: Topics) -> dict[str, str]:
    """Return what to say of all that can be switched, by topic."""
    said = {
        topics.control(RECOGNITION): _on_off(controls.recognition),
        topics.control(DETECT_EVERY): str(controls.detect_every or 0),
        topics.control(BACKEND): controls.backend or AS_IT_IS,
    }
    for camera in cameras:
        said[topics.of(camera, DETECTION)] = _on_off(camera not in controls.undetected)
        said[topics.of(camera, PRIVACY)] = _on_off(camera in controls.private)
    return said


def _camera_command(camera: str, name: str, text: str) -> Command:
    on = _is_on(text)
    if name == PRIVACY:
        return Command(keys.privacy(camera), ON if on else None)
    return Command(keys.detection(camera), None if on else OFF)


def _text(payload: bytes) -> str:
    try:
        text = payload[: LONGEST_PAYLOAD_BYTES + 1].decode()
    except UnicodeDecodeError:
        raise RefusedError("bad_value", "no text") from None
    if len(payload) > LONGEST_PAYLOAD_BYTES:
        raise RefusedError("bad_value", f"longer than {LONGEST_PAYLOAD_BYTES} bytes")
    return text


def _is_on(text: str) -> bool:
    if text not in ("ON", "OFF"):
        raise RefusedError("bad_value", f"{text!r} is neither ON nor OFF")
    return text == "ON"


def _frames(text: str, most: int) -> str | None:
    # Home Assistant's numbers are floats to some of its automations.
    number = re.fullmatch(r"(\d{1,4})(\.0)?", text, re.ASCII)
    if number is None or int(number[1]) > most:
        raise RefusedError("bad_value", f"{text!r} is no number of frames from 0 to {most}")
    return None if int(number[1]) == 0 else str(int(number[1]))


def _on_off(truth: bool) -> str:  # noqa: FBT001  it is what is said
    return "ON" if truth else "OFF"
