"""Gunicorn's configuration beside what `web.server` says on its command line.

https://docs.gunicorn.org/en/stable/settings.html; the names are gunicorn's.
"""

import signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

worker_class = "web.http_worker.BufferedWorker"
workers = 1
graceful_timeout = 3
# A worker whose main loop hangs this long is replaced by the master: the watchdog of this service.
timeout = 20
loglevel = "warning"
control_socket_disable = True
# Gunicorn's own advice for containers: on a disk its sign of life could hang.
worker_tmp_dir = "/dev/shm"  # noqa: S108


def post_worker_init(worker: Any) -> None:  # noqa: ANN401  a gunicorn worker
    """End streams before gunicorn's handlers run: it would wait for viewers who never leave."""
    close: Callable[[], None] = worker.wsgi.extensions["facewire-close"]

    def end(handler: Callable[[int, FrameType | None], None], number: int, frame: FrameType | None) -> None:
        close()
        handler(number, frame)

    signal.signal(signal.SIGTERM, partial(end, worker.handle_exit))
    # The master passes SIGINT on as SIGQUIT.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, partial(end, worker.handle_quit))
