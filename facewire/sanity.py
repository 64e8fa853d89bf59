"""Refuse values that cannot be true: what the messages' own checks share."""

import re

CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class InsaneValueError(ValueError):
    """A field's type is right and its value cannot be true."""


def require(truth: bool, complaint: str) -> None:  # noqa: FBT001  it reads as a sentence
    """Complain unless something is true.

    Raises:
        InsaneValueError: it is not.
    """
    if not truth:
        raise InsaneValueError(complaint)
