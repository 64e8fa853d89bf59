"""Time the write and the read of one frame over the bus's unix socket, with and without our malloc settings."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from facewire import codec, keys
from facewire.link import connect
from facewire.messages import Frame
from runner.plan import MALLOC, ROOT

ROUNDS = 300
MS_PER_S = 1000


def measure(socket: str) -> dict[str, float]:
    """Write and read a 640x480 frame as capture and tracker do; medians in ms."""
    client = connect(f"unix://{socket}")
    client.delete("frames:bench")
    pixels = os.urandom(640 * 480 * 3)
    write_ms, read_ms = [], []
    for seq in range(1, ROUNDS + 1):
        started_s = time.perf_counter()
        message = codec.encode(Frame("bench", seq, time.time_ns(), 640, 480, "bgr24", pixels))
        client.xadd("frames:bench", {keys.FIELD: message}, id=f"{seq}-0", maxlen=32, approximate=False)
        written_s = time.perf_counter()
        reply: Any = client.xread({"frames:bench": f"{seq - 1}-0"}, count=1)
        codec.decode(reply[0][1][0][1][keys.FIELD], Frame)
        write_ms.append((written_s - started_s) * MS_PER_S)
        read_ms.append((time.perf_counter() - written_s) * MS_PER_S)
    return {"write_ms": round(median(write_ms), 3), "read_ms": round(median(read_ms), 3)}


@contextmanager
def running_bus() -> Iterator[str]:
    """Run a bus of its own; yields the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
        socket = str(Path(folder) / "bus.sock")
        server = subprocess.Popen(
            ["redis-server", "config/redis/bus.conf", "--port", "0", "--unixsocket", socket],  # noqa: S607
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            while not Path(socket).exists():
                time.sleep(0.05)
            yield socket
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    """Run both ways on one server, each in a process of its own."""
    with running_bus() as socket:
        rows = {name: _in_process(socket, extra) for name, extra in (("default", {}), ("facewire", MALLOC))}
    print(f"{'malloc':10} {'write ms':>9} {'read ms':>9} {'both ms':>9}")
    for name, row in rows.items():
        print(f"{name:10} {row['write_ms']:9.3f} {row['read_ms']:9.3f} {row['write_ms'] + row['read_ms']:9.3f}")
    best = rows["facewire"]
    print(json.dumps({"rows": rows, "bus_write_read_ms": round(best["write_ms"] + best["read_ms"], 3)}))


def _in_process(socket: str, extra: dict[str, str]) -> dict[str, float]:
    environment = {key: value for key, value in os.environ.items() if key not in MALLOC} | extra
    code = "import json, sys; from benchmarks.bus import measure; print(json.dumps(measure(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, socket], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()
