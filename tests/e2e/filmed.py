"""The dashboard alone, with several cameras that film, for tests of its page."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome

from tests.integration.web_process import Camera, Web, camera, web
from tests.servers import redis_server, wait_for

# All that a person sees of the page, at once.
SEEN = """
const all = (selector) => [...document.querySelectorAll(selector)];
const named = (value) => Object.fromEntries(all('.camera').map((tile) => [tile.dataset.camera, value(tile)]));
const said = (selector) => document.querySelector(selector)?.textContent ?? '';
return {
  overall: said('#overall'),
  state: document.querySelector('#overall').dataset.state,
  web: all('#services li').map((item) => item.innerText).find((words) => words.startsWith('web')) ?? '',
  healthAge: said('#services-title ~ .age'),
  eventsAge: said('#events-title ~ .age'),
  events: all('#events li:not(.empty)').map((item) => item.innerText),
  seqs: named((tile) => Number(tile.dataset.seq ?? 0)),
  notices: named((tile) => tile.querySelector('.notice').textContent),
  stale: all('.camera[data-stale=true]').length,
};
"""
ALONE = "delete window.SharedWorker;"


@dataclass(frozen=True, slots=True)
class Filmed:
    """A dashboard, its servers' addresses and its cameras."""

    web: Web
    bus_url: str
    store_url: str
    cameras: dict[str, Camera]


@contextmanager
def filmed(folder: Path, count: int, **settings: str) -> Iterator[Filmed]:
    """Run a dashboard with so many cameras until the block ends."""
    with ExitStack() as running:
        urls = []
        for name in ("bus", "store"):
            (folder / name).mkdir()
            urls.append(running.enter_context(redis_server(folder / name)))
        cameras = {}
        for number in range(1, count + 1):
            own = folder / f"camera-{number}"
            own.mkdir()
            cameras[f"cam{number}"] = running.enter_context(camera(own, urls[0], f"cam{number}"))
        made = running.enter_context(web(folder, *urls, **settings))
        yield Filmed(made, urls[0], urls[1], cameras)


def seen(page: Chrome) -> dict[str, Any]:
    """Return what the page shows."""
    found: dict[str, Any] = page.execute_script(SEEN)
    return found


def all_play(page: Chrome, count: int) -> bool:
    """Say whether there are so many tiles, each with a picture and nothing to complain of."""
    now = seen(page)
    return len(now["seqs"]) == count and all(now["seqs"].values()) and not any(now["notices"].values())


def wait_until_all_go_on(page: Chrome, count: int) -> None:
    """Wait until every tile has shown another picture, and health has been asked again."""
    wait_for(lambda: all_play(page, count), f"{count} tiles")
    before = seen(page)

    def gone_on() -> bool:
        now = seen(page)
        return now["web"] != before["web"] and all(now["seqs"][name] > seq for name, seq in before["seqs"].items())

    wait_for(gone_on, "other pictures and figures")
