"""More windows than a browser opens connections, where it has no shared workers: one stream serves all."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import browser
from tests.e2e.filmed import filmed, wait_until_all_go_on
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

WINDOWS = 7


def show(page: Chrome, address: str) -> str:
    page.get(address)
    return page.current_window_handle


def test_many_windows_go_on_without_shared_workers(tmp_path: Path) -> None:
    with (
        filmed(tmp_path, 1, MAX_VIEWERS="2", STREAM_FPS="4") as home,
        browser("--disable-shared-workers", "--window-size=480,400") as page,
    ):
        windows = [show(page, home.web.url("/"))]
        assert not page.execute_script("return 'SharedWorker' in window || document.hidden")
        while len(windows) < WINDOWS:
            page.switch_to.new_window("window")
            windows.append(show(page, home.web.url("/")))
        for window in windows:
            page.switch_to.window(window)
            wait_until_all_go_on(page, 1)
        wait_for(lambda: home.web.metric('value{name="viewers"}') == 1, "one stream for all")
        # The first, which has the stream, hands it on.
        for window in windows[:-1]:
            page.switch_to.window(window)
            page.close()
        page.switch_to.window(windows[-1])
        wait_until_all_go_on(page, 1)
