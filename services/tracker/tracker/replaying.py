"""Run a recording through the tracker: the same recording and settings give the same bytes, each time."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

import msgspec

from facewire import keys
from facewire.layouts import layouts
from facewire.log import open_log
from facewire.messages import FaceEvent, Message, Tracks
from facewire.metrics import Metrics
from facewire.recording import SILENCE, Entry, RecordingError, read
from facewire.settings import known_settings, load, stop_operator
from facewire.silence import Silence
from facewire.streams import Intake
from tracker.following import Following, Step
from tracker.settings import TrackerSettings
from tracker.zones import Places

READ: dict[str, type[Message]] = {
    **{stream.prefix: stream.message for stream in (keys.FRAMES, keys.DETECTIONS, keys.IDENTITIES)},
    SILENCE: Silence,
}


def replay(entries: Iterable[Entry], settings: TrackerSettings, metrics: Metrics | None = None) -> Iterator[Step]:
    """Yield what each entry of a recording leads to; ids count from 1.

    Args:
        entries: of a recording (`facewire.recording.read`), in their order.
        settings: the tracker's.
        metrics: times the stages, and counts what is refused or dropped.
    """
    metrics = metrics or Metrics("replay")
    following = Following(settings, Places(layouts(settings)), count(1).__next__, metrics)
    intake = Intake(metrics, open_log("replay", "WARNING", "console"))
    for entry in entries:
        expected = READ.get(entry.key.partition(":")[0])
        message = intake.decode({keys.FIELD: entry.raw}, expected, entry.key) if expected else None
        if message is not None:
            yield following.take(message)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command line name a recording and settings."""
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="a file that scripts/record made")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, as max_faces=10")
    parser.add_argument("--tracks", action="store_true", help="print the tracks of each frame, too")


def run(asked: argparse.Namespace) -> int:
    """Print the events of a recording, one JSON object a line; returns the exit code."""
    settings = load(TrackerSettings, _told(asked.set))
    try:
        _print(replay(read(asked.recording), settings), sys.stdout.buffer, tracks=asked.tracks)
    except RecordingError as error:
        stop_operator(f"{asked.recording}: {error}")
    except BrokenPipeError:
        # Who read has read enough; nothing is left to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        stop_operator(f"{asked.recording}: cannot be read ({error.strerror}); name a file that scripts/record made")
    return 0


def _print(steps: Iterable[Step], out: BinaryIO, *, tracks: bool) -> None:
    try:
        for step in steps:
            told: list[Tracks | FaceEvent] = [*([step.tracks] if tracks and step.tracks else []), *step.events]
            out.writelines(line(message) for message in told)
    finally:
        # What came before the damage is told before the complaint.
        out.flush()


def line(message: Tracks | FaceEvent) -> bytes:
    """Return a message as one line of JSON; of a snapshot its sha256."""
    fields = msgspec.to_builtins(message, builtin_types=(bytes,))
    snapshot = fields.pop("snapshot", None)
    if isinstance(message, FaceEvent):
        fields["snapshot_sha256"] = hashlib.sha256(snapshot).hexdigest() if snapshot is not None else None
    return json.dumps({"t": message.TYPE, **fields}, separators=(",", ":")).encode() + b"\n"


def _told(pairs: Iterable[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for pair in pairs:
        name, given, value = pair.partition("=")
        name = name.strip().lower()
        if not given or name not in known_settings(TrackerSettings):
            known = ", ".join(sorted(known_settings(TrackerSettings)))
            stop_operator(f"--set {name}: must be NAME=VALUE with one of {known}; for example --set max_faces=10")
        told[name] = value
    return told
