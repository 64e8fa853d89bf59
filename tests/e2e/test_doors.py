"""What was decided about locks is shown in a real browser."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facewire import keys
from facewire.codec import encode
from facewire.link import connect
from tests.e2e.browser import browser
from tests.integration.web_process import web
from tests.servers import wait_for
from tests.unit.messages import DECISION

pytestmark = pytest.mark.e2e


def test_the_latest_decisions_are_listed_with_their_reasons(tmp_path: Path, bus_url: str, store_url: str) -> None:
    store = connect(store_url)

    def decide(**changes: Any) -> None:
        entry: Any = {keys.FIELD: encode(replace(DECISION, **changes))}
        store.xadd(keys.AUDIT.key(), entry)

    with web(tmp_path, bus_url, store_url) as dashboard, browser() as driver:
        driver.get(dashboard.url("/"))
        shown = "return document.querySelector('#doors').checkVisibility()"
        items = "return [...document.querySelectorAll('#decisions li')].map((item) => item.innerText)"
        wait_for(lambda: driver.execute_script("return document.readyState") == "complete", "the page")
        assert not driver.execute_script(shown)
        decide(person="<b>Ada</b>")
        decide(verdict="sent", reason="confirmed", track_id=None, camera=None, person=None)
        wait_for(lambda: len(driver.execute_script(items)) == 2, "two decisions")
        sent, refused = driver.execute_script(items)
        assert driver.execute_script(shown)
        assert "front sent" in sent
        assert "confirmed" in sent
        assert "front refused" in refused
        assert "not live · <b>Ada</b> · #3 · door" in refused
