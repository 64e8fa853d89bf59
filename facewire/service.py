"""The frame around every service: settings, log, metrics, heartbeat, signals; and a clean end."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from facewire import frame_budget, retention
from facewire.heartbeat import WATCHDOG_S, Heartbeat
from facewire.link import Link, connect
from facewire.log import Log, open_log
from facewire.metrics import Metrics
from facewire.settings import Settings, stop_operator
from facewire.streams import Intake

S = TypeVar("S", bound=Settings)

PAUSE_AFTER_ERROR_S = 1.0


class OperatorError(Exception):
    """The operator's mistake, found only while running; its text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """What a running service has at hand."""

    name: str
    settings: S
    log: Log
    metrics: Metrics
    heartbeat: Heartbeat
    bus: Link
    store: Link
    intake: Intake
    stop: Event
    mistakes: "SimpleQueue[str]"
    """What the operator must mend, found by any of the service's threads: it ends the service."""


@contextmanager
def running(name: str, settings: S, *, watchdog: bool = True, signals: bool = True) -> Iterator[Service[S]]:
    """Set up a service's surroundings, and take them down however it ends.

    Args:
        name: the service's name.
        settings: what the environment said.
        watchdog: end the process when its loop is stuck.
        signals: stop on SIGTERM and SIGINT; False where a server (gunicorn) has its own handlers.
    """
    log = open_log(name, settings.log_level, settings.log_format)
    metrics = Metrics(name)
    require_place(settings)
    if settings.metrics_port is not None:
        metrics.serve(settings.metrics_port)
    bus = connect(settings.bus_url)
    heartbeat = Heartbeat(name, settings.run_dir, metrics, bus, watchdog_s=WATCHDOG_S if watchdog else None)
    stop = Event()
    if signals:
        stop_on_signals(stop)
    service = Service(
        name=name,
        settings=settings,
        log=log,
        metrics=metrics,
        heartbeat=heartbeat,
        bus=Link(bus, "bus", heartbeat, metrics, frame_budget.relieve),
        store=Link(connect(settings.store_url), "store", heartbeat, metrics, retention.relieve),
        intake=Intake(metrics, log),
        stop=stop,
        mistakes=SimpleQueue(),
    )
    for oddity in settings.oddities:
        log.warning("a setting looks odd", setting=oddity)
    heartbeat.note("settings", "; ".join(settings.oddities))
    log.info("started", python=sys.version.split()[0], pid=os.getpid())
    try:
        yield service
    except OperatorError as error:
        service.mistakes.put(str(error))
    finally:
        stop.set()
        heartbeat.close()
        log.info("stopped")
    if not service.mistakes.empty():
        stop_operator(service.mistakes.get())


def stop_on_signals(stop: Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""
    # `Event.set` takes a lock that the interrupted thread may hold at that moment; `SimpleQueue.put` needs none.
    arrived: SimpleQueue[int] = SimpleQueue()

    def wait() -> None:
        arrived.get()
        stop.set()

    Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: arrived.put(number))


def keep_running(service: Service[S], body: Callable[[], None], *, beats: bool = True) -> None:
    """Run a service's loop until it is told to stop; an unforeseen error is logged, counted, and survived.

    In any thread: a mistake of the operator's stops the whole service.

    Args:
        service: the service.
        body: the loop; it is called again when it returns or fails.
        beats: it beats at least every few seconds, and is stuck when it does not. False for what may have to wait
            where nothing can wake it, as OpenCV does for a camera.
    """
    with service.heartbeat.loop() if beats else nullcontext():
        _keep_running(service, body)


def _keep_running(service: Service[S], body: Callable[[], None]) -> None:
    while not service.stop.is_set():
        try:
            body()
        except OperatorError as error:
            _end(service, str(error))
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                _end(service, "the disk is full: free some space, then start again")
                return
            service.metrics.error(type(error).__name__)
            service.log.exception("unforeseen error; going on")
            service.stop.wait(PAUSE_AFTER_ERROR_S)


def _end(service: Service[S], mistake: str) -> None:
    service.mistakes.put(mistake)
    service.stop.set()


def require_place(settings: Settings) -> None:
    """End the process with one line where it may not write, or its port for metrics is taken."""
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.run_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        stop_operator(f"RUN_DIR: cannot write there ({error.strerror}); name a folder that this user may write to")
    if settings.metrics_port is not None:
        require_port("METRICS_PORT", "0.0.0.0", settings.metrics_port)  # noqa: S104  where metrics.serve listens


def require_port(name: str, host: str, port: int) -> None:
    """End the process with one line where a port cannot be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            free = f"name a free one, for example {name}={port + 1}"
            stop_operator(f"{name}: {host}:{port} cannot be used ({error.strerror}); {free}")
