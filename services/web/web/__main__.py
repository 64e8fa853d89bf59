"""`python -m web` runs the service."""

from typing import NoReturn

from facewire.layouts import layouts
from facewire.settings import load
from web.server import serve
from web.settings import WebSettings


def main() -> NoReturn:
    """Run the service until it is told to stop."""
    settings = load(WebSettings)
    # Looked at for its mistakes, which the worker could only log.
    layouts(settings)
    serve(settings)


if __name__ == "__main__":
    main()
