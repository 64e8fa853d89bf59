"""The dashboard's pages and interfaces.

Reads `frames:{camera}`, `tracks:{camera}` and heartbeats (bus) and `events` and `audit` (store); writes HTTP.
"""

import re
from collections.abc import Callable
from functools import partial

from flask import Flask, Response, abort, jsonify, render_template, request

from facewire import lookup
from facewire.controls import Controls
from facewire.layouts import Layouts
from facewire.link import Link, RedisAwayError
from facewire.metrics import Metrics
from web import questions
from web.board import Board, Questions
from web.guard import guard
from web.live import LiveView
from web.prefix import PrefixMiddleware
from web.questions import SERVICES
from web.settings import WebSettings
from web.streams import add_streams

__all__ = ["SERVICES", "create_app"]

# Not \d, which also matches digits that Redis cannot read; of 20 digits some are more than its 64 bits.
ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
MOST_EVENTS = 200
PAGE_EVENTS = 30


def create_app(
    settings: WebSettings,
    bus: Link,
    store: Link,
    live: LiveView,
    metrics: Metrics,
    layouts: Callable[[], Layouts],
    controls: Callable[[], Controls],
) -> Flask:
    """Make the application.

    Args:
        settings: who may come in.
        bus: heartbeats and cameras.
        store: events.
        live: what shows cameras.
        metrics: counts.
        layouts: returns what is marked in each camera's picture.
        controls: returns what the home has switched.
    """
    app = Flask(__name__)
    guard(app, settings, metrics)
    _pages(app)
    _facts(app, bus, layouts, controls)
    _events(app, store)
    add_streams(app, bus, live, Board(_asked(bus, store, layouts, controls)))
    app.wsgi_app = PrefixMiddleware(app, settings.web_path_prefix)  # type: ignore[method-assign]

    @app.errorhandler(RedisAwayError)
    def away(_error: RedisAwayError) -> tuple[Response, int]:
        return jsonify(problem="Redis is away; it is being waited for"), 503

    return app


def _asked(
    bus: Link, store: Link, layouts: Callable[[], Layouts], controls: Callable[[], Controls]
) -> tuple[Questions, Questions]:
    """Return the page's questions to each server."""

    def cameras() -> dict[str, object]:
        found = questions.cameras(bus, controls())
        return found | {"layouts": {name: questions.layout(name, layouts()) for name in found["cameras"]}}

    return (
        {"cameras": cameras, "health": partial(questions.health, bus)},
        {
            "events": partial(questions.events, store, PAGE_EVENTS),
            "decisions": partial(questions.decisions, store, PAGE_EVENTS),
        },
    )


def _pages(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        return render_template("index.html")

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")


def _facts(app: Flask, bus: Link, layouts: Callable[[], Layouts], controls: Callable[[], Controls]) -> None:
    @app.get("/api/health")
    def health() -> Response:
        return jsonify(questions.health(bus))

    @app.get("/api/cameras")
    def cameras() -> Response:
        return jsonify(questions.cameras(bus, controls()))

    @app.get("/api/cameras/<camera>/layout")
    def layout(camera: str) -> Response:
        return jsonify(questions.layout(camera, layouts()))


def _events(app: Flask, store: Link) -> None:
    @app.get("/api/events")
    def events() -> Response:
        return jsonify(questions.events(store, _limit()))

    @app.get("/api/decisions")
    def decisions() -> Response:
        return jsonify(questions.decisions(store, _limit()))

    @app.get("/events/<entry_id>/snapshot.jpg")
    def snapshot(entry_id: str) -> Response:
        if ENTRY_ID.fullmatch(entry_id) is None:
            abort(404)
        stored = store.once(lambda client: lookup.event(client, entry_id))
        if stored is None or stored.event.snapshot is None:
            abort(404)
        # An entry never changes.
        return Response(
            stored.event.snapshot, mimetype="image/jpeg", headers={"Cache-Control": "private, max-age=86400"}
        )


def _limit() -> int:
    return max(1, min(request.args.get("limit", default=20, type=int), MOST_EVENTS))
