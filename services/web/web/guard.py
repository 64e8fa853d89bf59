"""Check logins or host names, and set strict headers."""

import hmac

from flask import Flask, Response, abort, request
from flask_httpauth import HTTPBasicAuth

from facewire.metrics import Metrics
from web.settings import WebSettings, is_loopback

OPEN_PATHS = {"/healthz"}
# Adds the last slash to the page's path, without which its relative addresses lead elsewhere; never to another host.
SLASH_SCRIPT = (
    r"location.pathname.endsWith('/')||location.replace(location.pathname.replace(/^\/+/,'/')+'/'+location.search)"
)
SLASH_SCRIPT_SHA256 = "sha256-HWNy2M4wyc5UTJWmKGr6fpxwUoPoSsniquV6xIgJ+m4="
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'self'; script-src 'self' '{SLASH_SCRIPT_SHA256}'; img-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def guard(app: Flask, settings: WebSettings, metrics: Metrics) -> None:
    """Check every request before it is answered, and mark every answer."""
    password = settings.web_password
    auth = HTTPBasicAuth(realm="facewire")
    headers = _headers(settings.web_frame_ancestors)
    app.jinja_env.globals["slash_script"] = SLASH_SCRIPT

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
        if "HTTP_HOST" not in request.environ and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0":
            abort(400, "a request must name the host that it wants (RFC 9112, 3.2)")
        host = _host()
        if not is_loopback(host) and host not in settings.web_hosts:
            abort(
                403,
                "this dashboard does not answer to that name; set WEB_PASSWORD to open it to others, "
                "or name it in WEB_HOSTS",
            )
        return None

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers.update(headers)
        return response


def _headers(frame_ancestors: tuple[str, ...]) -> dict[str, str]:
    if not frame_ancestors:
        return HEADERS
    policy = HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {' '.join(frame_ancestors)}"
    )
    # X-Frame-Options cannot name an origin.
    return {name: value for name, value in HEADERS.items() if name != "X-Frame-Options"} | {
        "Content-Security-Policy": policy
    }


def _host() -> str:
    """Return the host's name in lower case, without its port and the last dot of a full name."""
    host = request.host.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host.rpartition(":")[0] if ":" in host else host).removesuffix(".")
