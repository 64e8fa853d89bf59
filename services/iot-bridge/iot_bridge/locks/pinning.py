"""`python -m iot_bridge pin LOCK` sets a lock's PIN: asks for it twice, and keeps nothing but its hash in the store."""

import sys
from getpass import getpass
from pathlib import Path
from tempfile import TemporaryDirectory

from facewire.heartbeat import Heartbeat
from facewire.link import Link, RedisAwayError, connect
from facewire.messages import PLACE_NAME
from facewire.metrics import Metrics
from facewire.settings import load, stop_operator
from iot_bridge.locks.memory import StoreMemory
from iot_bridge.locks.pins import A_PIN, hashed
from iot_bridge.settings import BridgeSettings

USAGE = "python -m iot_bridge pin LOCK (set or change its PIN), or pin LOCK --remove"


def set_pin(arguments: list[str]) -> int:
    """Set or remove a PIN, or end the process with one line and exit code 2."""
    settings = load(BridgeSettings)
    match arguments:
        case [lock] if PLACE_NAME.fullmatch(lock):
            kept = _asked(lock)
        case [lock, "--remove"] if PLACE_NAME.fullmatch(lock):
            kept = ""
        case _:
            stop_operator(f"expected {USAGE}")
    try:
        _keep(settings, lock, kept)
    except RedisAwayError:
        stop_operator("STORE_URL: the store cannot be reached; is the stack running?")
    print(f"{lock}: the PIN is {'set' if kept else 'removed'}")  # noqa: T201  a command's answer
    return 0


def _keep(settings: BridgeSettings, lock: str, kept: str) -> None:
    metrics = Metrics("iot-bridge")
    # The running service's own folder is not ours to write to.
    with TemporaryDirectory() as folder:
        heartbeat = Heartbeat("pin", Path(folder), metrics, watchdog_s=None)
        StoreMemory(Link(connect(settings.store_url), "store", heartbeat, metrics)).set_pin(lock, kept)


def _asked(lock: str) -> str:
    if sys.stdin.isatty():
        first, second = getpass(f"PIN of {lock}: "), getpass("once more: ")
    else:
        first = second = sys.stdin.readline().rstrip("\n")
    if first != second:
        stop_operator("the two PINs differ; nothing was changed")
    try:
        return hashed(first)
    except ValueError:
        stop_operator(f"expected {A_PIN}; nothing was changed")
