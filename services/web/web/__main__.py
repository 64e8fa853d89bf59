"""`python -m web` runs the service."""

from typing import NoReturn

from facewire.settings import load
from web.server import serve
from web.settings import WebSettings


def main() -> NoReturn:
    """Run the service until it is told to stop."""
    serve(load(WebSettings))


if __name__ == "__main__":
    main()
