"""Set up what the application needs, in gunicorn's worker."""

from contextlib import ExitStack, suppress
from functools import partial
from threading import Thread

from flask import Flask

from facewire.controls import watching
from facewire.layouts import layouts, live_layouts, summary
from facewire.link import Link, RedisAwayError, connect
from facewire.live import keep_looking
from facewire.service import Service, running
from facewire.settings import load
from web.app import create_app
from web.live import LiveView
from web.self_check import SelfCheck
from web.settings import WebSettings

BEAT_S = 1.0


def application() -> Flask:
    """Make the application; `facewire-close` among its extensions takes down what it stands on."""
    ending = ExitStack()
    # The worker's own handlers stay: gunicorn needs them.
    service = ending.enter_context(running("web", load(WebSettings), watchdog=False, signals=False))
    settings, make_bus = service.settings, partial(_link, service)
    live = LiveView(make_bus, service.intake, service.metrics, settings.stream_fps, settings.max_viewers)
    watch, marked = watching(service), live_layouts(service, layouts(settings), summary)
    keep_looking(service, marked)
    app = create_app(
        settings, service.bus, service.store, live, service.metrics, lambda: marked.now, lambda: watch.controls
    )
    Thread(target=_beat, args=(service, make_bus()), name="heartbeat", daemon=True).start()
    check = SelfCheck(settings.web_host, settings.web_port, service.heartbeat)
    Thread(target=check.run, args=(service.stop,), name="self-check", daemon=True).start()
    ending.callback(live.close)
    app.extensions["facewire-close"] = ending.close
    return app


def _link(service: Service[WebSettings]) -> Link:
    return Link(connect(service.settings.bus_url), "bus", service.heartbeat, service.metrics)


def _beat(service: Service[WebSettings], bus: Link) -> None:
    """Beat, and ask both servers whether they are there: visitors, who would notice, may be few."""
    with service.heartbeat.loop():
        while not service.stop.wait(BEAT_S):
            for link in (bus, service.store):
                with suppress(RedisAwayError):
                    link.once(lambda client: client.ping())
