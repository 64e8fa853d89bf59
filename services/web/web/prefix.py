"""Serve the dashboard below any path of a reverse proxy."""

from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from web.settings import PATH_PREFIX

# Home Assistant's ingress, and what other proxies send.
HEADERS = ("HTTP_X_INGRESS_PATH", "HTTP_X_FORWARDED_PREFIX")


class PrefixMiddleware:
    """Removes the prefix from paths that match no page.

    The prefix is used for nothing else: the page's addresses are relative, so that a forged header changes only what
    its own sender is answered, and no address of the page.

    Args:
        app: the application.
        prefix: `WEB_PATH_PREFIX`; empty where only a proxy's header tells.
    """

    def __init__(self, app: Flask, prefix: str) -> None:
        self._app = app
        self._serve = app.wsgi_app
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401  as WSGI has it
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if not self._is_page(environ):
            for prefix in self._prefixes(environ):
                if path == prefix or path.startswith(f"{prefix}/"):
                    environ["PATH_INFO"] = path[len(prefix) :] or "/"
                    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                    break
        return self._serve(environ, start_response)

    def _prefixes(self, environ: dict[str, Any]) -> list[str]:
        told = [self._prefix, *(environ.get(name, "").strip().rstrip("/") for name in HEADERS)]
        return [prefix for prefix in told if PATH_PREFIX.fullmatch(prefix)]

    def _is_page(self, environ: dict[str, Any]) -> bool:
        try:
            self._app.url_map.bind_to_environ(environ).match()
        except HTTPException as error:
            # 405 is a page that is asked for in another way.
            return error.code != 404
        return True
