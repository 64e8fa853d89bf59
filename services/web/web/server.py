"""Serve the application with gunicorn: one worker, a thread for each request or viewer."""

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from threading import Event, Thread
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication

from facewire.link import Link, RedisAwayError, connect
from facewire.service import Service, running
from facewire.settings import stop_operator
from web.settings import WebSettings

# Beside the viewers: pages, health, snapshots.
SPARE_THREADS = 8
BEAT_S = 1.0


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn, configured in code; the application is made in the worker, so that the master stays small.

    Args:
        settings: where to listen.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Configure gunicorn."""
        options = {
            "bind": f"{self._settings.web_host}:{self._settings.web_port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._settings.max_viewers + SPARE_THREADS,
            "graceful_timeout": 3,
            # A worker whose main loop hangs this long is replaced by the master: the watchdog of this service.
            "timeout": 20,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm",  # noqa: S108  gunicorn's own advice for containers
            "post_worker_init": _end_streams_first,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:  # noqa: ANN401  a WSGI application
        """Make the application; gunicorn calls this in the worker."""
        return _application(self._settings)


def serve(settings: WebSettings) -> None:
    """Serve until told to stop; a port in use ends the process with one line."""
    with socket.socket(socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.web_host, settings.web_port))
        except OSError as error:
            where = f"{settings.web_host}:{settings.web_port}"
            stop_operator(f"WEB_PORT: {where} cannot be used ({error.strerror}); name a free one: WEB_PORT=8081")
    Server(settings).run()


def _application(settings: WebSettings) -> Any:  # noqa: ANN401  a WSGI application
    from web.app import create_app  # noqa: PLC0415  the master does without Flask and numpy
    from web.live import LiveView  # noqa: PLC0415

    # The worker's own handlers stay: gunicorn needs them.
    ending = ExitStack()
    service = ending.enter_context(running("web", settings, watchdog=False, signals=False))
    make_bus = partial(_link, service)
    live = LiveView(make_bus, service.intake, service.metrics, settings.stream_fps, settings.max_viewers)
    app = create_app(settings, service.bus, service.store, live, service.metrics)
    Thread(target=_beat, args=(make_bus(), service.stop), name="heartbeat", daemon=True).start()

    ending.callback(live.close)
    app.extensions["facewire-close"] = ending.close
    return app


def _link(service: Service[WebSettings]) -> Link:
    return Link(connect(service.settings.bus_url), "bus", service.heartbeat, service.metrics)


def _beat(bus: Link, stop: Event) -> None:
    """Beat for as long as the bus answers: what a dashboard needs to be of use."""
    while not stop.wait(BEAT_S):
        try:
            bus.once(lambda client: client.ping())
        except RedisAwayError:
            continue


def _end_streams_first(worker: Any) -> None:  # noqa: ANN401  a gunicorn worker
    close: Callable[[], None] = worker.wsgi.extensions["facewire-close"]

    def end(handler: Callable[[int, FrameType | None], None], number: int, frame: FrameType | None) -> None:
        # Else gunicorn waits for viewers who never leave.
        close()
        handler(number, frame)

    for number, handler in ((signal.SIGTERM, worker.handle_exit), (signal.SIGINT, worker.handle_quit)):
        signal.signal(number, partial(end, handler))
