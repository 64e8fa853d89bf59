"""Let in who may come in: a login where one is set, this machine's own names where none is, and strict headers."""

import hmac

from flask import Flask, Response, abort, request
from flask_httpauth import HTTPBasicAuth

from facewire.metrics import Metrics
from web.settings import WebSettings, is_loopback

OPEN_PATHS = {"/healthz"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def guard(app: Flask, settings: WebSettings, metrics: Metrics) -> None:
    """Check every request before it is answered, and mark every answer."""
    password = settings.web_password
    auth = HTTPBasicAuth(realm="facewire")

    @auth.verify_password  # type: ignore[untyped-decorator]  # the library has no types
    def verify(username: str, given: str) -> bool:
        # Both are compared in any case, and in a time that tells nothing.
        right_name = hmac.compare_digest(username.encode(), settings.web_username.encode())
        right_password = hmac.compare_digest(given.encode(), password.encode())
        if given and not (right_name and right_password):
            metrics.dropped("login_refused")
        return right_name and right_password

    @auth.login_required  # type: ignore[untyped-decorator]
    def require_login() -> None:
        return None

    @app.before_request
    def check() -> Response | None:
        if request.path in OPEN_PATHS:
            return None
        if password:
            refusal: Response | None = require_login()
            return refusal
        # Without a login the browser's own rules are the fence: a foreign page that has its name point
        # here (DNS rebinding) still calls us by that name.
        if not is_loopback(_host()):
            abort(403, "this dashboard answers to localhost only; set WEB_PASSWORD to open it to others")
        return None

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response


def _host() -> str:
    host = request.host
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
