"""The dashboard below a path of a reverse proxy and in another page's frame: everything is found and shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import browser
from tests.e2e.filmed import Filmed, all_play, filmed, wait_until_all_go_on
from tests.e2e.proxy import proxy
from tests.servers import free_port, wait_for

pytestmark = pytest.mark.e2e

CAMERAS = 2
TOLD = ("X-Forwarded-Prefix: /facewire",)


@pytest.fixture(scope="module")
def frame_port() -> int:
    """Where the page with the frame is."""
    return free_port()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, frame_port: int) -> Iterator[Filmed]:
    """A dashboard that a proxy of the home's reaches, and that the home may show in a frame."""
    settings = {
        "WEB_HOSTS": "pi.local,facewire.home",
        "WEB_FRAME_ANCESTORS": f"http://localhost:{frame_port}",
        "WEB_PATH_PREFIX": "/set",
        "STREAM_FPS": "5",
    }
    with filmed(tmp_path_factory.mktemp("below"), CAMERAS, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def page() -> Iterator[Chrome]:
    """A browser."""
    with browser() as driver:
        yield driver


@pytest.mark.parametrize(
    "how",
    [
        {"prefix": "/facewire"},
        {"prefix": "/facewire", "strips": False, "headers": TOLD, "host": "pi.local"},
        {"prefix": "/set", "strips": False},
        {"prefix": "/api/hassio_ingress/Abc-1_2", "headers": ("X-Ingress-Path: /api/hassio_ingress/Abc-1_2",)},
        {"prefix": "/stream", "headers": ("X-Forwarded-Prefix: /stream",), "host": "facewire.home:8080"},
    ],
    ids=["stripped", "told", "set", "ingress", "named as one of its own"],
)
@pytest.mark.parametrize("ending", ["/", ""], ids=["slash", "no slash"])
def test_below_any_path_pictures_and_facts_are_shown(
    page: Chrome, home: Filmed, how: dict[str, Any], ending: str
) -> None:
    with proxy(home.web.port, **how) as between:
        page.get(between.url(ending))
        wait_for(lambda: all_play(page, CAMERAS), "pictures")
        if ending:
            # What is not below the path is another's.
            assert [path for path in between.asked if not path.startswith(between.prefix)] in ([], ["/favicon.ico"])


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def framing(folder: Path, port: int, address: str) -> Iterator[None]:
    """Serve a page that shows the dashboard in a frame."""
    frame = f"<!doctype html><iframe src='{address}' width=1200 height=700></iframe>"
    (folder / "index.html").write_text(frame, encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_a_page_that_is_allowed_shows_it_in_a_frame_and_no_other_does(
    page: Chrome, home: Filmed, frame_port: int, tmp_path: Path
) -> None:
    with proxy(home.web.port, prefix="/facewire") as between, framing(tmp_path, frame_port, between.url()):
        page.get(f"http://localhost:{frame_port}/")
        page.switch_to.frame(0)
        wait_until_all_go_on(page, CAMERAS)
        page.switch_to.default_content()
        # The same server by a name that was not allowed.
        page.get(f"http://127.0.0.1:{frame_port}/")
        page.switch_to.frame(0)
        assert page.execute_script("return document.querySelector('#overall')") is None
