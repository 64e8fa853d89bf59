"""`scripts/run` as a process of a test: what it prints, and its end."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil

from tests.places import ROOT
from tests.servers import HUNG_S, wait_for

TELLING = ("-m capture", "-m detector", "-m tracker", "-m iot_bridge", "web.worker", "bus.sock", "store.sock")


@dataclass(slots=True)
class LocalRun:
    """A running `scripts/run` and what it printed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)

    def printed(self, pattern: str) -> re.Match[str] | None:
        return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)

    def wait_until_up(self) -> None:
        wait_for(lambda: self.printed(r"Stop:\s+Ctrl-C") is not None, "the greeting")

    @property
    def dashboard(self) -> str:
        found = self.printed(r"Dashboard:\s+(\S+)")
        assert found is not None
        return found[1]

    @property
    def mqtt_port(self) -> int:
        found = self.printed(r"mosquitto_sub -h 127.0.0.1 -p (\d+)")
        assert found is not None
        return int(found[1])


def start(*arguments: str, **environment: str) -> LocalRun:
    """Start `scripts/run` without a browser, with more in its environment."""
    command = [str(ROOT / "scripts/run"), "--headless", *arguments]
    # Other tests' load shall not make detections seldom.
    told = os.environ | {"DETECT_BUSY_PERCENT": "101"} | environment
    run = LocalRun(subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    Thread(target=run.read, daemon=True).start()
    return run


def stop(run: LocalRun) -> None:
    """End a run as Ctrl-C does."""
    if run.process.poll() is None:
        run.process.send_signal(signal.SIGINT)
    run.process.wait(HUNG_S)


@contextmanager
def running_stack(*arguments: str, **environment: str) -> Iterator[LocalRun]:
    """Run the stack until the block ends; it is up when the block begins."""
    run = start(*arguments, **environment)
    try:
        run.wait_until_up()
        yield run
    finally:
        stop(run)


def left_over() -> list[str]:
    """Return the command lines of processes that a run of this checkout should have ended."""
    # Another checkout's run, or a container's, is none of ours.
    found = psutil.process_iter(["cmdline", "cwd"])
    ours = (each.info for each in found if Path(each.info["cwd"] or "/").is_relative_to(ROOT))
    lines = [" ".join(each["cmdline"] or ()) for each in ours]
    return [line for line in lines if any(word in line for word in TELLING)]
