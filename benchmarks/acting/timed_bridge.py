"""The bridge as it is, which also writes down when the broker had confirmed each event: `python -m` runs it.

Into the file that `BENCH_CONFIRMED` names, a line each: the event's id and the time on the system's monotonic clock.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from threading import Event
from typing import TextIO

from iot_bridge.broker import Broker
from iot_bridge.topics import Publication


def timed(file: TextIO) -> type[Broker]:
    """Return a broker that writes down what it delivered."""

    class Timed(Broker):
        def deliver(self, publications: Sequence[Publication], until: Event) -> bool:
            done = super().deliver(publications, until)
            now_ns = time.monotonic_ns()
            for publication in publications:
                if publication.topic.endswith("/event"):
                    print(json.loads(publication.payload)["id"], now_ns, file=file, flush=True)
            return done

    return Timed


if __name__ == "__main__":
    with open(os.environ["BENCH_CONFIRMED"], "a", encoding="utf-8") as confirmed:  # noqa: PTH123
        bridge = import_module("iot_bridge.__main__")
        bridge.Broker = timed(confirmed)  # type: ignore[attr-defined]
        sys.exit(bridge.main())
