"""Kill bridge and broker again and again while events come in, and count what got lost or came too late."""

import json
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.acting.happening import CAMERA, all_done, tell
from benchmarks.acting.hearing import Ear, Heard
from benchmarks.acting.home import Home, Server, at_home, await_truth
from benchmarks.acting.visiting import COMMANDS, LOCK, RULES, Visitors
from facewire import keys

# A bridge needs less than a second to be there again: most kills hit one at work, some one that is just starting.
BETWEEN_KILLS_S = (0.2, 2.0)
DRAIN_S = 120.0
SETTLE_S = 10.0


def chaos(kills: int, events: int, seed: int) -> dict[str, Any]:
    """Return what came of `events` events during `kills` kills.

    `repeated` counts messages whose id had been heard before, which a subscriber drops; `duplicated`, those that it
    could not tell: another id for the same event, or another content under the same id. All the while people who may
    come in stand before the camera.
    """
    with (
        tempfile.TemporaryDirectory(prefix="facewire-bench-") as name,
        at_home(Path(name), RULES) as home,
        Ear(home.mqtt_port) as ear,
        Ear(home.mqtt_port, "bench-lock", kept=False) as lock,
        Visitors(home.bus),
    ):
        home.store.hset(keys.CONTROLS, keys.unlocking(LOCK), "on")
        tell(home.store, 1)
        await_truth(lambda: all_done(home.store, 1), "the first event")
        _live_through(home, kills, events, random.Random(seed))  # noqa: S311  no secret
        await_truth(lambda: all_done(home.store, events), "the events that wait", within_s=DRAIN_S)
        wanted = {f"{CAMERA}-{number}-appeared" for number in range(1, events + 1)}
        _settle(lambda: wanted <= {event["id"] for event in _events(ear)})
        heard, unlocks = _events(ear), lock.under(COMMANDS)
    contents = {json.dumps(event, sort_keys=True) for event in heard}
    ids = {event["id"] for event in heard}
    lost, duplicated, repeated = len(wanted - ids), len(contents) - len(wanted & ids), len(heard) - len(contents)
    what_came = {"kills": kills, "events": events, "lost": lost, "duplicated": duplicated, "repeated": repeated}
    return what_came | {"unlocks": len(unlocks), "late_unlocks": late(unlocks)}


def late(unlocks: list[Heard]) -> int:
    """Count the commands that came after their expiry, or a second time."""
    commands = [json.loads(each.payload) for each in unlocks]
    expired: int = sum(each.at_ns > told["expires_ns"] for each, told in zip(unlocks, commands, strict=True))
    return expired + len(commands) - len({told["id"] for told in commands})


def _live_through(home: Home, kills: int, events: int, chance: random.Random) -> None:
    """Tell events all the while, and kill the bridge or the broker every now and then, each back at once."""
    number = 1
    for kill in range(1, kills + 1):
        due_s = time.monotonic() + chance.uniform(*BETWEEN_KILLS_S)
        until = 1 + (events - 1) * kill // kills
        while number < until:
            number += 1
            tell(home.store, number)
            time.sleep(chance.uniform(0, 2 * max(0.0, due_s - time.monotonic()) / max(1, until - number + 1)))
        time.sleep(max(0.0, due_s - time.monotonic()))
        _kill(chance.choice((home.bridge, home.broker)))


def _kill(server: Server) -> None:
    server.end(signal.SIGKILL)
    server.start()


def _events(ear: Ear) -> list[dict[str, Any]]:
    return [json.loads(each.payload) for each in ear.under("/event")]


def _settle(truth: Callable[[], bool]) -> None:
    """Give what is on its way some seconds."""
    end_s = time.monotonic() + SETTLE_S
    while not truth() and time.monotonic() < end_s:
        time.sleep(0.1)
