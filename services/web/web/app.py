"""The dashboard's pages and interfaces.

Reads `frames:{camera}`, `tracks:{camera}` and heartbeats (bus) and `events` and `audit` (store); writes HTTP.
"""

import re
from collections.abc import Callable, Generator
from typing import Any

import msgspec
from flask import Flask, Response, abort, jsonify, render_template, request

from facewire import clock, lookup
from facewire.controls import Controls
from facewire.health import STALE_S, Health
from facewire.layouts import Layouts
from facewire.link import Link, RedisAwayError
from facewire.metrics import Metrics
from facewire.roster import read_health
from facewire.shapes import Layout
from facewire.streams import camera_names
from web import mjpeg
from web.guard import guard
from web.line import Line
from web.live import LiveView, Shown, TooManyViewersError
from web.settings import WebSettings

SERVICES = ("capture", "detector", "tracker", "iot-bridge", "web")
# Not \d, which also matches digits that Redis cannot read; of 20 digits some are more than its 64 bits.
ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
MOST_EVENTS = 200


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
    _health(app, bus)
    _cameras(app, bus, layouts, controls)
    _events(app, store)
    _decisions(app, store)
    _stream(app, bus, live)

    @app.errorhandler(RedisAwayError)
    def away(_error: RedisAwayError) -> tuple[Response, int]:
        return jsonify(problem="Redis is away; it is being waited for"), 503

    return app


def _pages(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        return render_template("index.html")

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")


def _health(app: Flask, bus: Link) -> None:
    @app.get("/api/health")
    def health() -> Response:
        found = bus.once(read_health)
        silent = [name for name in SERVICES if name not in {health.service for health in found}]
        services = [_told(health) for health in found if health.service in SERVICES]
        services += [{"service": name, "healthy": False, "silent": True} for name in silent]
        services.sort(key=lambda each: SERVICES.index(each["service"]))
        return jsonify(services=services, healthy=all(each["healthy"] for each in services))


def _cameras(app: Flask, bus: Link, layouts: Callable[[], Layouts], controls: Callable[[], Controls]) -> None:
    @app.get("/api/cameras")
    def cameras() -> Response:
        names = bus.once(camera_names)
        return jsonify(cameras=names, private=sorted(controls().private.intersection(names)))

    @app.get("/api/cameras/<camera>/layout")
    def layout(camera: str) -> Response:
        return jsonify(msgspec.to_builtins(layouts().get(camera, Layout())))


def _told(health: Health) -> dict[str, Any]:
    now = clock.now()
    # A wall clock that was set back hides an old heartbeat; one that was set ahead makes a new one old until the next.
    steady_age_s = health.age_s(now) if clock.same_boot(health.boot, now) else 0.0
    age_s = max(0.0, steady_age_s, now.wall_s - health.at_s)
    return {
        "service": health.service,
        "instance": health.instance,
        "healthy": health.healthy and age_s < STALE_S,
        "silent": False,
        "waiting_for": health.waiting_for,
        "age_s": round(age_s, 1),
        "figures": health.figures,
        "notes": health.notes,
    }


def _events(app: Flask, store: Link) -> None:
    @app.get("/api/events")
    def events() -> Response:
        limit = request.args.get("limit", default=20, type=int)
        count = max(1, min(limit, MOST_EVENTS))
        return jsonify(events=[_event(stored) for stored in store.once(lambda c: lookup.latest_events(c, count))])

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


def _decisions(app: Flask, store: Link) -> None:
    @app.get("/api/decisions")
    def decisions() -> Response:
        limit = request.args.get("limit", default=20, type=int)
        count = max(1, min(limit, MOST_EVENTS))
        found = store.once(lambda client: lookup.latest_decisions(client, count))
        return jsonify(decisions=[{"entry_id": name, **msgspec.to_builtins(decision)} for name, decision in found])


def _event(stored: lookup.StoredEvent) -> dict[str, Any]:
    event = stored.event
    return {
        "entry_id": stored.entry_id,
        "type": event.type,
        "camera": event.camera,
        "track_id": event.track_id,
        "identity": msgspec.to_builtins(event.identity),
        "started_ns": event.started_ns,
        "at_ns": event.at_ns,
        "has_snapshot": event.snapshot is not None,
        "zone": event.zone,
        "line": event.line,
        "direction": event.direction,
        "dwell_s": event.dwell_s,
    }


def _stream(app: Flask, bus: Link, live: LiveView) -> None:
    @app.get("/stream/<camera>.mjpg")
    def stream(camera: str) -> Response:
        if camera not in bus.once(camera_names):
            abort(404, "there is no such camera; /api/cameras lists them")
        # A server other than gunicorn does not show the line, and a viewer's leaving is noticed when sending fails.
        line = Line(request.environ.get("gunicorn.socket"))
        parts = _parts(live, camera, line, boxes=request.args.get("boxes") == "1")
        try:
            # Begin at once, so that a refusal can still be an answer of its own.
            next(parts)
        except TooManyViewersError:
            abort(503, "too many viewers; MAX_VIEWERS says how many there may be")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        answer = Response(parts, content_type=mjpeg.CONTENT_TYPE, headers=headers)
        answer.call_on_close(parts.close)
        return answer


def _parts(live: LiveView, camera: str, line: Line, *, boxes: bool) -> Generator[bytes, None, None]:
    with live.watching(camera, line.has_ended) as pictures:
        # Nothing yet, but the view has begun.
        yield b""
        for shown in pictures:
            yield mjpeg.part(_with_boxes(shown) if boxes else shown.jpeg, shown.header)


def _with_boxes(shown: Shown) -> bytes:
    from web import drawing  # noqa: PLC0415  OpenCV is loaded only once somebody watches

    return drawing.jpeg_with_boxes(shown.frame, shown.tracks)
