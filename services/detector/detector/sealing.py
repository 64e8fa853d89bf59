"""Know a file that is not what was once written: a power cut or a worn card spoils it, and native code trusts it."""

import hashlib
from pathlib import Path


def seal(path: Path) -> None:
    """Write the file's sha256 beside it."""
    _beside(path).write_text(_digest(path), encoding="ascii")


def sealed(path: Path) -> str:
    """Return the sha256 that the file was sealed with, empty where there is none."""
    try:
        return _beside(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def is_intact(path: Path) -> bool:
    """Say whether the file is there, and as it was when it was sealed."""
    try:
        return sealed(path) == _digest(path)
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file and its seal."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
