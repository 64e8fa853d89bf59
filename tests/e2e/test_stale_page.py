"""The page while answers do not come: it says how old its data is, goes on asking, and recovers without a reload."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest
from selenium.webdriver import Chrome

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from tests.e2e.browser import browser
from tests.e2e.filmed import ALONE, Filmed, filmed, seen, wait_until_all_go_on
from tests.e2e.proxy import Proxy, proxy
from tests.processes import SECRET
from tests.servers import wait_for
from tests.unit.messages import EVENT

pytestmark = pytest.mark.e2e

CAMERAS = 2
AGE = r"no data for \d+ s"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filmed]:
    """A dashboard with two cameras and a login."""
    with filmed(tmp_path_factory.mktemp("stale"), CAMERAS, STREAM_FPS="5", WEB_PASSWORD=SECRET) as made:
        yield made


@pytest.fixture(scope="module")
def between(home: Filmed) -> Iterator[Proxy]:
    """A proxy in front of it."""
    with proxy(home.web.port) as made:
        yield made


def address(between: Proxy) -> str:
    return between.url().replace("http://", f"http://facewire:{SECRET}@")


@contextmanager
def shown(address: str, script: str = "") -> Iterator[Chrome]:
    with browser() as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        driver.get(address)
        yield driver


@pytest.fixture(scope="module")
def page(between: Proxy) -> Iterator[Chrome]:
    """A browser that shows the dashboard."""
    with shown(address(between)) as driver:
        yield driver


@pytest.fixture(scope="module")
def alone(between: Proxy) -> Iterator[Chrome]:
    """A browser that knows no shared workers, and shows the dashboard."""
    with shown(address(between), ALONE) as driver:
        yield driver


def put_event(home: Filmed, number: int) -> None:
    fields = {keys.FIELD: encode(replace(EVENT, id=f"cam1-{number}", track_id=number, snapshot=None, identity=None))}
    connect(home.store_url).xadd(keys.EVENTS.key(), fields)  # type: ignore[arg-type]


def tells(page: Chrome, number: int) -> bool:
    return any(f"#{number} " in event for event in seen(page)["events"])


def tells_ages(page: Chrome) -> bool:
    now = seen(page)
    ages = (now["overall"], now["healthAge"], now["eventsAge"])
    return (
        now["state"] == "bad"
        and all(re.search(AGE, words) for words in ages)
        and now["stale"] == CAMERAS
        and all("no picture for" in notice for notice in now["notices"].values())
    )


def test_a_server_that_answers_nothing_is_told_and_recovers(
    page: Chrome, alone: Chrome, between: Proxy, home: Filmed
) -> None:
    pages = (page, alone)
    for each in pages:
        wait_until_all_go_on(each, CAMERAS)
    between.hung = ("/",)
    wait_for(lambda: all(tells_ages(each) for each in pages), "the ages")
    put_event(home, 71)
    asked = len(between.asked)
    # More requests without an answer than a page ever asks at once.
    wait_for(lambda: len(between.asked) >= asked + 10, "the pages to ask on")
    between.hung = ()
    for each in pages:
        wait_until_all_go_on(each, CAMERAS)
        wait_for(lambda each=each: tells(each, 71), "the event")  # type: ignore[misc]
        now = seen(each)
        assert (now["healthAge"], now["eventsAge"], now["stale"]) == ("", "", 0)


def test_one_question_without_an_answer_leaves_the_others_fresh(page: Chrome, home: Filmed) -> None:
    port = home.store_url.rpartition(":")[2].partition("/")[0]
    (store,) = (child for child in psutil.Process().children() if f":{port}" in " ".join(child.cmdline()))
    store.suspend()
    try:
        wait_for(lambda: re.search(AGE, seen(page)["eventsAge"]) is not None, "the events' age")
        assert seen(page)["healthAge"] == ""
        wait_until_all_go_on(page, CAMERAS)
    finally:
        store.resume()
    put_event(home, 72)
    wait_for(lambda: tells(page, 72) and seen(page)["eventsAge"] == "", "the event")


def tells_reason(page: Chrome, words: str) -> bool:
    now = seen(page)
    return words in now["overall"] and all(words in notice for notice in now["notices"].values())


def test_refusals_in_the_middle_are_told(page: Chrome, between: Proxy) -> None:
    wait_until_all_go_on(page, CAMERAS)
    between.cut = True
    for status, words in {"403 Forbidden": "403", "500 Internal Server Error": "500"}.items():
        between.status = status
        wait_for(lambda words=words: tells_reason(page, words), status)  # type: ignore[misc]
    wait_for(lambda: re.search(AGE, seen(page)["overall"]) is not None, "the age")
    between.status, between.cut = "", False
    wait_until_all_go_on(page, CAMERAS)
    between.status, between.cut = "401 Unauthorized", True
    wait_for(lambda: tells_reason(page, "reload this page"), "the lost login")
    # The browser forgets a login that was refused.
    between.status, between.cut = "", False
    page.get(address(between))
    wait_until_all_go_on(page, CAMERAS)
