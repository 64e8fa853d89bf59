"""Refuse values that cannot be true: what the messages' own checks share."""

import re

CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
TAKEN_NAMES = ("command", "lock", "people", "speech")
"""What no camera may be called: MQTT topics have these beside the cameras, and would mix them up.

Messages may hold them all the same: what was written before they were taken is read for ever.
"""
FREE_NAME = re.compile(rf"(?!(?:{'|'.join(TAKEN_NAMES)})\Z){CAMERA_NAME.pattern}")
A_CAMERA_NAME = f"a name of a-z, 0-9, _ and - up to 32 long, and none of {', '.join(TAKEN_NAMES)}"


class InsaneValueError(ValueError):
    """A field's type is right and its value cannot be true."""


def require(truth: bool, complaint: str) -> None:  # noqa: FBT001  it reads as a sentence
    """Complain unless something is true.

    Raises:
        InsaneValueError: it is not.
    """
    if not truth:
        raise InsaneValueError(complaint)
