"""Set up what the application needs, in gunicorn's worker."""

from contextlib import ExitStack
from functools import partial
from threading import Event, Thread

from flask import Flask

from facewire.heartbeat import Heartbeat
from facewire.link import Link, RedisAwayError, connect
from facewire.service import Service, running
from facewire.settings import load
from web.app import create_app
from web.live import LiveView
from web.settings import WebSettings

BEAT_S = 1.0


def application() -> Flask:
    """Make the application; `facewire-close` among its extensions takes down what it stands on."""
    ending = ExitStack()
    # The worker's own handlers stay: gunicorn needs them.
    service = ending.enter_context(running("web", load(WebSettings), watchdog=False, signals=False))
    settings, make_bus = service.settings, partial(_link, service)
    live = LiveView(make_bus, service.intake, service.metrics, settings.stream_fps, settings.max_viewers)
    app = create_app(settings, service.bus, service.store, live, service.metrics)
    Thread(target=_beat, args=(make_bus(), service.heartbeat, service.stop), name="heartbeat", daemon=True).start()
    ending.callback(live.close)
    app.extensions["facewire-close"] = ending.close
    return app


def _link(service: Service[WebSettings]) -> Link:
    return Link(connect(service.settings.bus_url), "bus", service.heartbeat, service.metrics)


def _beat(bus: Link, heartbeat: Heartbeat, stop: Event) -> None:
    """Beat for as long as the bus answers: what a dashboard needs to be of use."""
    with heartbeat.loop():
        while not stop.wait(BEAT_S):
            try:
                bus.once(lambda client: client.ping())
            except RedisAwayError:
                continue
