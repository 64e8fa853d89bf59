"""Know which version this is."""

from importlib.metadata import PackageNotFoundError, version


def installed() -> str:
    """Return the version of facewire that runs."""
    try:
        return version("facewire")
    except PackageNotFoundError:
        return "0.1.0"
