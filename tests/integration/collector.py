"""Reads messages in a thread beside the test, and says whether somebody waits for some."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

from facewire.link import connect
from tests.servers import wait_for


class Collector:
    """Reads in a thread of its own until the test ends."""

    def __init__(self, messages: Iterator[Any]) -> None:
        self.got: list[Any] = []
        self._thread = Thread(target=self._read, args=(messages,), daemon=True)
        self._thread.start()

    def _read(self, messages: Iterator[Any]) -> None:
        for message in messages:
            self.got.append(message)

    def wait(self, count: int) -> list[Any]:
        wait_for(lambda: len(self.got) >= count, f"{count} messages, got {len(self.got)}")
        return self.got


def is_reading(url: str, command: str = "xread") -> bool:
    """Say whether somebody waits for entries."""
    clients: Any = connect(url).client_list()
    return any(client["cmd"] == command and "b" in client["flags"] for client in clients)
