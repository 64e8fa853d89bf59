"""Stream one camera's pictures to any client, and everything to the page."""

from collections.abc import Generator

import msgspec
from flask import Flask, Response, abort, jsonify, request

from facewire.link import Link
from facewire.streams import camera_names
from web import mjpeg
from web.board import Board
from web.line import Line
from web.live import LiveView, Shown, TooManyViewersError, Update, Viewer

WAIT_S = 1.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Parts = Generator[bytes, None, None]


def add_streams(app: Flask, bus: Link, live: LiveView, board: Board) -> None:
    """Add both kinds of stream to the application.

    Args:
        app: the application.
        bus: tells which cameras there are.
        live: shows cameras.
        board: answers the page's questions.
    """

    @app.get("/stream/<camera>.mjpg")
    def camera_stream(camera: str) -> Response:
        if camera not in bus.once(camera_names):
            abort(404, "there is no such camera; /api/cameras lists them")
        try:
            return _begun(_of_one(live, camera, _line(), boxes=request.args.get("boxes") == "1"))
        except TooManyViewersError as error:
            abort(503, str(error))

    @app.get("/stream")
    def page_stream() -> Response | tuple[Response, int]:
        wanted = request.args.get("cameras")
        chosen = None if wanted is None else frozenset(wanted.split(","))
        try:
            return _begun(_of_page(live, board, _line(), chosen))
        except TooManyViewersError as error:
            return jsonify(problem=str(error), viewers=error.limit, max_viewers=error.limit), 503


def _line() -> Line:
    # A server other than gunicorn does not show the line, and a viewer's leaving is noticed when sending fails.
    return Line(request.environ.get("gunicorn.socket"))


def _begun(parts: Parts) -> Response:
    # Begun at once, so that a refusal can still be an answer of its own.
    next(parts)
    answer = Response(parts, content_type=mjpeg.CONTENT_TYPE, headers=HEADERS)
    answer.call_on_close(parts.close)
    return answer


def _of_one(live: LiveView, camera: str, line: Line, *, boxes: bool) -> Parts:
    with live.place() as viewer:
        live.follow(viewer, (camera,))
        # Nothing yet, but the view has begun.
        yield b""
        while viewer.open and camera in viewer.cameras and not line.has_ended():
            shown = viewer.take(WAIT_S)
            if isinstance(shown, Shown):
                yield mjpeg.part(_with_boxes(shown) if boxes else shown.jpeg, shown.header)


def _of_page(live: LiveView, board: Board, line: Line, chosen: frozenset[str] | None) -> Parts:
    with live.place() as viewer, board.reading(viewer):
        yield b""
        sent: dict[str, bytes] = {}
        while viewer.open and not line.has_ended():
            board.keep_asking()
            item = viewer.take(WAIT_S)
            if isinstance(item, Shown):
                yield mjpeg.part(item.jpeg, item.header, item.frame.camera)
            elif item is not None:
                _follow(live, viewer, item, chosen)
                yield _text(item, sent)


def _follow(live: LiveView, viewer: Viewer, update: Update, chosen: frozenset[str] | None) -> None:
    if update.topic == "cameras" and update.body:
        names: list[str] = msgspec.json.decode(update.body)["cameras"]
        live.follow(viewer, names if chosen is None else chosen.intersection(names))


def _text(update: Update, sent: dict[str, bytes]) -> bytes:
    """Return an answer's part; without the answer where the viewer has it already."""
    if update.problem:
        return mjpeg.text_part(update.topic, b"", update.problem)
    known = sent.get(update.topic) == update.body
    sent[update.topic] = update.body
    return mjpeg.text_part(update.topic, b"" if known else update.body)


def _with_boxes(shown: Shown) -> bytes:
    from web import drawing  # noqa: PLC0415  OpenCV is loaded only once somebody watches

    return drawing.jpeg_with_boxes(shown.frame, shown.tracks)
