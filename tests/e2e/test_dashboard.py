"""The dashboard in a real browser over the real stack: a moving picture with boxes, health, events."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from selenium.webdriver import Chrome

from tests.e2e.browser import browser
from tests.e2e.local import LocalRun, running_stack
from tests.servers import HUNG_S, wait_for

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


# People of the clip walk through the middle; its lower left corner is nobody's.
MARKED = """
cameras:
  camera:
    zones:
      - {name: middle, polygon: [[0.3, 0.02], [0.7, 0.02], [0.7, 0.98], [0.3, 0.98]]}
    lines:
      - {name: sill, points: [[0.5, 0.05], [0.5, 0.95]], to_left: inward, to_right: outward}
    masks:
      - {name: corner, polygon: [[0, 0.8], [0.2, 0.8], [0.2, 1], [0, 1]]}
"""
# What the canvas shows at a relative place.
SHADE = (
    PIXELS
    + """
const [x, y] = [Math.round(arguments[0] * canvas.width), Math.round(arguments[1] * canvas.height)];
return [...data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3)];
"""
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    marked = tmp_path_factory.mktemp("marked") / "cameras.yaml"
    marked.write_text(MARKED, encoding="utf-8")
    with running_stack(CAMERAS_FILE=str(marked)) as run:
        yield run


@pytest.fixture(scope="module")
def page(stack: LocalRun) -> Iterator[Chrome]:
    with browser() as driver:
        driver.get(stack.dashboard)
        wait_for(lambda: seq(driver) > 0, "the first picture")
        yield driver


def script(driver: Chrome, code: str) -> Any:
    return driver.execute_script(code)


def value(driver: Chrome, expression: str) -> Any:
    return script(driver, f"return {expression};")


def seq(driver: Chrome) -> int:
    return int(value(driver, "document.querySelector('.camera')?.dataset.seq ?? 0"))


def test_the_picture_moves(page: Chrome) -> None:
    first_seq, first = seq(page), script(page, SAMPLE)
    wait_for(lambda: seq(page) > first_seq + 20, "more pictures")

    def changed() -> int:
        return sum(abs(a - b) > 8 for a, b in zip(first, script(page, SAMPLE), strict=True))

    wait_for(lambda: changed() >= 5, "another picture")


def test_boxes_are_drawn_on_faces(page: Chrome) -> None:
    wait_for(lambda: int(value(page, "document.querySelector('.camera').dataset.boxes")) >= 1, "a face")
    wait_for(lambda: script(page, VIVID) > 200, "the pixels of a box")
    assert value(page, "document.querySelector('.camera .faces').textContent").isdigit()


def test_every_service_is_shown_healthy(page: Chrome) -> None:
    good = "document.querySelectorAll('#services li[data-state=good]').length"
    wait_for(lambda: value(page, good) == 5, "five healthy services")
    assert value(page, "document.querySelector('#overall').textContent") == "all services healthy"


def test_events_are_listed_with_a_snapshot(page: Chrome) -> None:
    loaded = "[...document.querySelectorAll('#events img')].filter((i) => i.complete && i.naturalWidth > 0).length"
    wait_for(lambda: value(page, loaded) >= 1, "a snapshot")


def test_what_is_marked_is_drawn_and_what_is_masked_is_black(page: Chrome) -> None:
    assert max(page.execute_script(SHADE, 0.1, 0.9)) < 12

    # Yellow over a room that is not.
    def yellow() -> float:
        column = [page.execute_script(SHADE, 0.5, y / 40) for y in range(4, 36)]
        return float(np.mean([red - blue > 60 and green - blue > 30 for red, green, blue in column]))

    wait_for(lambda: yellow() > 0.5, "the line")


def test_zone_events_are_listed_in_words(page: Chrome) -> None:
    # The store remembers earlier runs.
    fresh = "new Date(item.querySelector('time').dateTime) > performance.timeOrigin"
    items = "[...document.querySelectorAll('#events li:not(.empty)')]"

    def said(words: str) -> bool:
        return bool(value(page, f"{items}.some((item) => {fresh} && /{words}/.test(item.innerText))"))

    wait_for(lambda: said(r"#\d+ entered middle · camera"), "an entry")
    wait_for(lambda: said(r"left middle after \d+\.\d s"), "a leaving")
    wait_for(lambda: said("crossed sill: (in|out)ward"), "a crossing")


def test_privacy_that_the_home_switches_on_empties_the_picture_and_says_so(page: Chrome, stack: LocalRun) -> None:
    notice = "document.querySelector('.camera .notice').textContent"
    try:
        switch_privacy(stack.mqtt_port, b"ON")
        wait_for(lambda: value(page, notice) == "privacy", "the notice")
        wait_for(lambda: not any(page.execute_script(SHADE, 0.5, y / 10) != [0, 0, 0] for y in range(1, 10)), "black")
        time.sleep(8)
        assert value(page, notice) == "privacy", "not lost, nor reconnecting"
    finally:
        switch_privacy(stack.mqtt_port, b"OFF")
    before = seq(page)
    wait_for(lambda: seq(page) > before + 10 and value(page, notice) == "", "the picture")


def switch_privacy(port: int, payload: bytes) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("facewire/facewire/camera/privacy/set", payload, qos=1).wait_for_publish(HUNG_S)
    client.disconnect()
    client.loop_stop()


def test_the_browser_complains_of_nothing(page: Chrome) -> None:
    time.sleep(1)
    # Failed loads, scripts' errors and breaches of the content policy are severe; our reading pixels back is not.
    lines: Any = page.get_log("browser")  # type: ignore[no-untyped-call]
    assert [line for line in lines if line["level"] == "SEVERE"] == []
