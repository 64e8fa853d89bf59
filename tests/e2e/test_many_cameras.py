"""Many cameras, tabs and viewers in a real browser: all that is watched goes on, and what has no place says so."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import browser
from tests.e2e.filmed import Filmed, all_play, filmed, seen, wait_until_all_go_on
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

CAMERAS = 9
PLACES = 2


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filmed]:
    """More cameras than a browser opens connections, and few places."""
    with filmed(tmp_path_factory.mktemp("many"), CAMERAS, MAX_VIEWERS=str(PLACES), STREAM_FPS="5") as made:
        yield made


@pytest.fixture
def page(home: Filmed) -> Iterator[Chrome]:
    """A browser that shows the dashboard."""
    with browser() as driver:
        driver.get(home.web.url("/"))
        yield driver


def test_more_cameras_and_windows_than_connections_all_go_on(page: Chrome, home: Filmed) -> None:
    wait_until_all_go_on(page, CAMERAS)
    windows = [page.current_window_handle]
    for kind in ("window", "tab", "window"):
        page.switch_to.new_window(kind)
        page.get(home.web.url("/"))
        windows.append(page.current_window_handle)
    for window in windows:
        page.switch_to.window(window)
        wait_until_all_go_on(page, CAMERAS)
    # One viewer, however many tabs: another finds a place.
    with closing(home.web.watch("cam1")) as other:
        assert next(other)


def test_a_viewer_without_a_place_is_told_so_and_comes_in_later(page: Chrome, home: Filmed) -> None:
    wait_for(lambda: all_play(page, CAMERAS), "pictures")
    page.get("about:blank")
    wait_for(lambda: is_free(home), "the page's place")
    viewers = [home.web.watch("cam1") for _ in range(PLACES)]
    for viewer in viewers:
        assert next(viewer)
    page.get(home.web.url("/"))
    full = f"too many viewers: {PLACES} of {PLACES}"
    wait_for(lambda: said_by_all(page, full), "the notice")
    before = seen(page)["web"]
    wait_for(lambda: seen(page)["web"] != before, "health, asked again")
    assert home.web.get("/stream").json()["problem"].startswith(full)
    for viewer in viewers:
        viewer.close()
    wait_until_all_go_on(page, CAMERAS)


def is_free(home: Filmed) -> bool:
    """Say whether nobody watches."""
    return home.web.metric('value{name="viewers"}') == 0


def said_by_all(page: Chrome, words: str) -> bool:
    notices = seen(page)["notices"].values()
    return len(notices) == CAMERAS and all(words in notice for notice in notices)
