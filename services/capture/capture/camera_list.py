"""Split CAMERAS into its entries.

A comma may be part of an address or of a file name. It separates two cameras where `name=` and a source follow.
"""

import re

_NOTHING = ", \t"
_ANY_NAME = r"[^,=/:?&@\n]*"
_NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
# What can only be a source, wherever it stands.
_CLEAR_SOURCE = r"(?:[a-zA-Z][a-zA-Z0-9+.-]*://|\.{0,2}/|demo\s*(?:,|\Z))"
_ENDINGS = "mp4|m4v|mkv|webm|avi|mov|gif|mpe?g|ts|m2ts|mts|3gp|flv|wmv|ogv|mjpe?g|h26[45]|jpe?g|png"
_VIDEO_FILE = rf"[^,=:?&@#]*\.(?:{_ENDINGS})\s*(?:,|\Z)"
# In an address, `,x=1` is a part of it: it may have such parameters. A blank is never part of one.
_AFTER_ADDRESS = re.compile(
    rf",(?=\s*(?:{_ANY_NAME}=\s*{_CLEAR_SOURCE}|{_NAME}\s*=\s*{_VIDEO_FILE}))"
    r"|(?:\s+,|,(?=\s))(?=\s*[^,=\s]+\s*=)"
)
_AFTER_OTHERS = re.compile(r",(?=[^,=]*=)")
_DEVICE_NUMBER_IN_PATH = re.compile(rf",\s*{_NAME}\s*=\s*(?:video)?\d{{1,2}}\s*\Z")


def split_cameras(text: str) -> list[str]:
    """Return the entries of CAMERAS, stripped; empty ones at line ends and after a last comma are left out.

    Raises:
        ValueError: an entry can be read as one camera or as two; says which, counted from 1.
    """
    entries: list[str] = []
    for line in text.splitlines():
        rest = line.strip()
        while rest:
            # What stands behind a comma at the end, or between two, is nothing.
            entry, rest = _first_entry(rest)
            if entry:
                _require_clear(entry, len(entries) + 1)
                entries.append(entry)
    return entries or [""]


def _first_entry(text: str) -> tuple[str, str]:
    is_address = "://" in text.partition(",")[0]
    separator = (_AFTER_ADDRESS if is_address else _AFTER_OTHERS).search(text)
    first, rest = (text[: separator.start()], text[separator.end() :]) if separator else (text, "")
    return first.strip(_NOTHING), rest.strip()


def _require_clear(entry: str, number: int) -> None:
    address, question, _ = entry.partition("?")
    if "://" in entry and not question and _DEVICE_NUMBER_IN_PATH.search(address):
        raise ValueError(
            f"camera {number} ends in ,name=number, which may be a part of its address or the next camera: "
            "write the comma of an address as %2C, and a device as /dev/videoN"
        )
