"""What `scripts/run` was asked to do."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from facewire.arguments import seconds


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `scripts/run`; no duration means until Ctrl-C."""

    camera: str
    duration_s: float | None
    headless: bool
    summary: Path | None


def parse(arguments: list[str]) -> Options:
    """Read the command line; a mistake in it ends the process with a usage line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="scripts/run", description="Run facewire on this machine, without Docker.", allow_abbrev=False
    )
    parser.add_argument("--camera", default="", metavar="URI", help="a device, URL or file; without it, the demo clip")
    parser.add_argument("--duration", type=seconds, metavar="SECONDS", help="stop by itself after this long")
    parser.add_argument("--headless", action="store_true", help="do not open the dashboard in a browser")
    parser.add_argument("--json-summary", type=Path, metavar="FILE", help="write figures of the run when it ends")
    read, others = parser.parse_known_args(arguments)
    if others:
        # Not repeated: it may be a camera's address without its --camera.
        parser.error(f"{len(others)} argument{'' if len(others) == 1 else 's'} too many; a camera is named by --camera")
    if read.json_summary is not None and not read.json_summary.absolute().parent.is_dir():
        parser.error(f"argument --json-summary: {read.json_summary.parent} is no folder; make it first")
    return Options(read.camera, read.duration, read.headless, read.json_summary)
