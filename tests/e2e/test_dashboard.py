"""The dashboard in a real browser over the real stack: a moving picture with boxes, health, events."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.e2e.browser import browser
from tests.e2e.local import running_stack
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

PIXELS = """
const canvas = document.querySelector('.camera canvas');
const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
"""
SAMPLE = PIXELS + "return Array.from({length: 300}, (_, i) => data[4 * Math.floor(i * data.length / 1200)]);"
# Box colours are light and saturated; nothing in the clip's room is.
VIVID = (
    PIXELS
    + """
let vivid = 0;
for (let i = 0; i < data.length; i += 4) {
  const high = Math.max(data[i], data[i + 1], data[i + 2]);
  vivid += high > 225 && high - Math.min(data[i], data[i + 1], data[i + 2]) > 135;
}
return vivid;
"""
)


@pytest.fixture(scope="module")
def page() -> Iterator[Chrome]:
    with running_stack() as run, browser() as driver:
        driver.get(run.dashboard)
        wait_for(lambda: seq(driver) > 0, 30, "the first picture")
        yield driver


def script(driver: Chrome, code: str) -> Any:
    return driver.execute_script(code)


def value(driver: Chrome, expression: str) -> Any:
    return script(driver, f"return {expression};")


def seq(driver: Chrome) -> int:
    return int(value(driver, "document.querySelector('.camera')?.dataset.seq ?? 0"))


def test_the_picture_moves(page: Chrome) -> None:
    first_seq, first = seq(page), script(page, SAMPLE)
    wait_for(lambda: seq(page) > first_seq + 20, 10, "more pictures")
    second = script(page, SAMPLE)
    assert sum(abs(a - b) > 8 for a, b in zip(first, second, strict=True)) >= 5


def test_boxes_are_drawn_on_faces(page: Chrome) -> None:
    wait_for(lambda: int(value(page, "document.querySelector('.camera').dataset.boxes")) >= 1, 40, "a face")
    wait_for(lambda: script(page, VIVID) > 200, 20, "the pixels of a box")
    assert value(page, "document.querySelector('.camera .faces').textContent").isdigit()


def test_every_service_is_shown_healthy(page: Chrome) -> None:
    good = "document.querySelectorAll('#services li[data-state=good]').length"
    wait_for(lambda: value(page, good) == 5, 20, "five healthy services")
    assert value(page, "document.querySelector('#overall').textContent") == "all services healthy"


def test_events_are_listed_with_a_snapshot(page: Chrome) -> None:
    loaded = "[...document.querySelectorAll('#events img')].filter((i) => i.complete && i.naturalWidth > 0).length"
    wait_for(lambda: value(page, loaded) >= 1, 40, "a snapshot")


def test_the_browser_complains_of_nothing(page: Chrome) -> None:
    time.sleep(1)
    # Failed loads, scripts' errors and breaches of the content policy are severe; our reading pixels back is not.
    lines: Any = page.get_log("browser")  # type: ignore[no-untyped-call]
    assert [line for line in lines if line["level"] == "SEVERE"] == []
