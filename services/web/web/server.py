"""Serve the application with gunicorn: one worker, a thread for each request or viewer."""

import os
import socket
import sys
from typing import NoReturn

from facewire.service import require_place, require_port
from facewire.settings import stop_operator
from web.settings import WebSettings

# Beside the viewers: pages, health, snapshots. A thread that is not needed is not started.
SPARE_THREADS = 16


def serve(settings: WebSettings) -> NoReturn:
    """Become gunicorn; what the operator must mend first ends the process with one line."""
    require_place(settings)
    require_address(settings.web_host)
    require_port("WEB_PORT", settings.web_host, settings.web_port)
    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    options = [
        f"--bind={host}:{settings.web_port}",
        f"--threads={settings.max_viewers + SPARE_THREADS}",
        "--config=python:web.gunicorn_config",
    ]
    # A new program, so that the master, which only watches its worker, holds none of what was loaded here: 22 MB.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, "web.worker:application()"])  # noqa: S606


def require_address(host: str) -> None:
    """End the process with one line where this machine cannot be reached at an address."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        # A name that cannot even be asked for raises the latter.
        except (OSError, UnicodeError):
            stop_operator("WEB_HOST: is no address of this machine; for example WEB_HOST=127.0.0.1")
