"""`python -m web` runs the service."""

import sys

from facewire.settings import load
from web.server import serve
from web.settings import WebSettings


def main() -> int:
    """Run the service until it is told to stop."""
    serve(load(WebSettings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
