"""`python -m facewire.record` writes what passes over the bus into one file, to be replayed.

Reads `frames:{camera}`, `detections:{camera}` and `identities:{camera}`; writes a recording (`facewire.recording`).
"""

import argparse
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread, Timer
from time import monotonic

from facewire import keys
from facewire.arguments import seconds
from facewire.codec import encode
from facewire.heartbeat import Heartbeat
from facewire.link import Link, RedisAwayError, connect
from facewire.log import open_log
from facewire.metrics import Metrics
from facewire.recording import SILENCE, Entry, Writer, writing
from facewire.sanity import A_CAMERA_NAME, FREE_NAME
from facewire.service import stop_on_signals
from facewire.settings import Settings, load, stop_operator
from facewire.silence import Silence, Silences
from facewire.streams import Arrived, Intake, StreamReader, Wanted

RECORDED = (keys.FRAMES, keys.DETECTIONS, keys.IDENTITIES)
"""What the tracker reads."""
# Three seconds of frames: packing one takes 20 ms, and a busy host may need longer for some.
WAITING_ENTRIES = 100


@dataclass(slots=True)
class Count:
    """What was recorded: entries of each stream; and what was not, since this reader was late."""

    entries: dict[str, int] = field(default_factory=dict)
    missed: int = 0
    _seq: dict[str, int] = field(default_factory=dict)

    def add(self, arrived: Arrived) -> None:
        """Count an entry."""
        self.entries[arrived.key] = self.entries.get(arrived.key, 0) + 1
        if arrived.stream is keys.FRAMES:
            seq, before = int(arrived.entry_id.partition(b"-")[0]), self._seq.get(arrived.key)
            self._seq[arrived.key] = seq
            if before is not None and seq > before:
                self.missed += seq - before - 1

    def __str__(self) -> str:
        told = ", ".join(f"{count} {key}" for key, count in sorted(self.entries.items())) or "nothing"
        return told + (f"; {self.missed} frames were never there or missed" if self.missed else "")


def record(reader: StreamReader, writer: Writer, stop: Event) -> Count:
    """Write entries as they arrive until `stop` is set; a thread of its own packs them, so that reading keeps up.

    Raises:
        OSError: the disk does not take them.
    """
    outgoing = _Outgoing(stop)
    failed: list[OSError] = []
    packing = Thread(target=_pack, args=(outgoing, writer, failed, stop), name="packing")
    packing.start()
    count, silences = Count(), Silences(outgoing.listening_s)
    try:
        for arrived in reader.entries(stop, lambda: _tell(silences.lasting(), outgoing)):
            if arrived.stream is keys.FRAMES:
                _tell(silences.end(arrived.key.partition(":")[2]), outgoing)
            entry = Entry(arrived.key, arrived.entry_id.decode(), arrived.fields.get(keys.FIELD, b""))
            if outgoing.put(entry):
                count.add(arrived)
    finally:
        stop.set()
        outgoing.end()
        packing.join()
    if failed:
        raise failed[0]
    return count


class _Outgoing:
    """Entries on their way to the thread that packs them."""

    def __init__(self, stop: Event) -> None:
        self._waiting: Queue[Entry | None] = Queue(WAITING_ENTRIES)
        self._stop = stop
        self._full_s = 0.0

    def listening_s(self) -> float:
        """Return seconds that stand still while there is no room: nothing is heard then, and no camera is silent."""
        return monotonic() - self._full_s

    def put(self, entry: Entry) -> bool:
        """Hand over an entry as soon as there is room; False if the recording ends first."""
        since_s = monotonic()
        try:
            while not self._stop.is_set():
                with suppress(Full):
                    self._waiting.put(entry, timeout=0.2)
                    return True
            return False
        finally:
            self._full_s += monotonic() - since_s

    def get(self) -> Entry | None:
        """Wait for the next entry; None is the end."""
        return self._waiting.get()

    def end(self) -> None:
        """Say that this is all."""
        self._waiting.put(None)


def _tell(silences: Iterable[Silence], outgoing: _Outgoing) -> None:
    # Entries do not say when they came, and a replay is over in seconds.
    for silence in silences:
        outgoing.put(Entry(f"{SILENCE}:{silence.camera}", "", encode(silence)))


def _pack(outgoing: _Outgoing, writer: Writer, failed: list[OSError], stop: Event) -> None:
    while (entry := outgoing.get()) is not None:
        # Once it has failed, what still waits is thrown away, so that nobody waits for room.
        if not failed:
            try:
                writer.add(entry)
            except OSError as error:
                failed.append(error)
                stop.set()


def main(arguments: Sequence[str]) -> int:
    """Record until the time is up or Ctrl-C comes."""
    parser = argparse.ArgumentParser(prog="scripts/record", description="Record what the tracker sees, for a replay.")
    parser.add_argument("--camera", type=_camera, metavar="NAME", help="of this camera only")
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after this long; else Ctrl-C ends it")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file; written whole or not at all")
    asked = parser.parse_args(arguments)
    settings = load(Settings)
    stop = Event()
    stop_on_signals(stop)
    # What is told about health goes nowhere: a recorder is no service.
    with tempfile.TemporaryDirectory(prefix="facewire-record-") as folder:
        metrics = Metrics("record")
        link = Link(
            connect(settings.bus_url), "bus", Heartbeat("record", Path(folder), metrics, watchdog_s=None), metrics
        )
        _require_bus(link)
        intake = Intake(metrics, open_log("record", settings.log_level, "console"))
        wanted = [Wanted(stream) for stream in RECORDED]
        reader = StreamReader(link, intake, metrics, wanted, asked.camera or "")
        count = _record_into(asked.out, asked.seconds, reader, stop)
    print(f"record: {asked.out}: {count}", file=sys.stderr)  # noqa: T201
    return 0


def _record_into(out: Path, duration_s: float | None, reader: StreamReader, stop: Event) -> Count:
    timer = Timer(duration_s, stop.set) if duration_s else None
    try:
        with writing(out) as writer:
            if timer:
                timer.start()
            count = record(reader, writer, stop)
            if not count.entries:
                seen = f"no frames of {reader.only_camera!r}" if reader.only_camera else "no camera's frames"
                stop_operator(f"{seen} came over the bus, nothing is kept; is facewire running, and BUS_URL its bus?")
            return count
    except OSError as error:
        if error.errno == errno.ENOSPC:
            stop_operator(f"{out}: the disk is full, nothing is kept; free some space or record for a shorter time")
        stop_operator(f"{out}: cannot be written ({os.strerror(error.errno or 0)}); name another file")
    finally:
        if timer:
            timer.cancel()


def _require_bus(link: Link) -> None:
    try:
        link.once(lambda client: client.ping())
    except RedisAwayError:
        stop_operator(
            "BUS_URL: no Redis answers there; start facewire first, or name its bus, for example "
            "BUS_URL=redis://127.0.0.1:6379/0"
        )


def _camera(name: str) -> str:
    if not FREE_NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(f"no camera has such a name; expected {A_CAMERA_NAME}, for example door")
    return name


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
