"""A service as small as can be, run by `test_service.py` as a process; `BODY` says what its loop does."""

import errno
import os
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from threading import Thread
from unittest.mock import patch

from facewire.service import OperatorError, Service, keep_running, running
from facewire.settings import Settings, load

Tiny = Service[Settings]
TURN = count()


def ping(service: Tiny) -> None:
    """Ask the bus for a sign of life, over and over, as every service does."""
    while not service.stop.is_set():
        service.bus.patiently(lambda client: client.ping(), service.stop)
        service.stop.wait(0.02)


def wait(service: Tiny) -> None:
    """Do nothing but look whether it shall stop, as often as can be."""
    while not service.stop.is_set():
        service.stop.wait(0)
        service.heartbeat.beat()


def fail_first(service: Tiny) -> None:
    """Fail with a secret on the lips, then go on."""
    if next(TURN) == 0:
        raise ZeroDivisionError(f"cannot divide {service.settings.bus_url}")
    ping(service)


def blame_the_operator(_: Tiny) -> None:
    raise OperatorError("the cable is out: plug it in")


def fill_the_disk(_: Tiny) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def get_stuck_here(service: Tiny) -> None:
    service.heartbeat.beat()
    time.sleep(3600)


def let_a_camera_wait(service: Tiny) -> None:
    """Beat, while a thread waits where nothing can wake it."""
    rest = partial(service.stop.wait, 3600)
    Thread(target=keep_running, args=(service, rest), kwargs={"beats": False}, daemon=True).start()
    ping(service)


def blame_from_a_thread(service: Tiny) -> None:
    """Beat, while a thread finds the operator's mistake."""
    Thread(target=keep_running, args=(service, lambda: blame_the_operator(service)), daemon=True).start()
    ping(service)


BODIES: dict[str, Callable[[Tiny], None]] = {
    body.__name__: body
    for body in (
        ping,
        wait,
        fail_first,
        blame_the_operator,
        blame_from_a_thread,
        fill_the_disk,
        get_stuck_here,
        let_a_camera_wait,
    )
}


def main() -> None:
    body = BODIES[os.environ["BODY"]]
    with (
        patch("facewire.service.WATCHDOG_S", float(os.environ.get("WATCHDOG_S", "20"))),
        patch("facewire.health.STALE_S", float(os.environ.get("STALE_S", "10"))),
        running("tiny", load(Settings)) as service,
    ):
        if os.environ.get("WITHOUT_A_LOOP"):
            body(service)
        keep_running(service, lambda: body(service))


if __name__ == "__main__":
    main()
