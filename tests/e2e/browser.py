"""A real headless Chromium, from Debian, for one test."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.servers import program

FLAGS = (
    "--headless=new",
    # Tests run as root in CI, where Chromium's own sandbox refuses to.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,800",
)


@contextmanager
def browser(*flags: str) -> Iterator[Chrome]:
    """Start Chromium with a profile of its own and these flags beside the usual; ends with the block."""
    options = ChromeOptions()
    options.binary_location = program("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="facewire-chromium-") as profile:
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=ChromeService(program("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()
