"""`python -m capture` runs the service; `python -m capture compose-demo PHOTOS DIR` makes the demo clip."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from capture.camera import Camera
from capture.curtain import Curtain
from capture.frame_room import FrameRoom
from capture.masking import Veil
from capture.opencv import open_file
from capture.outlet import Outlet
from capture.service import run
from capture.settings import CaptureSettings
from capture.sources import Source, file_path
from facewire import keys
from facewire.address import FILE, is_file
from facewire.controls import watching
from facewire.layouts import Layouts, layouts, live_layouts, summary
from facewire.live import LiveFile
from facewire.service import Service, keep_running, running
from facewire.settings import load, stop_operator
from facewire.shapes import Layout
from facewire.streams import Publisher

END_WITHIN_S = 3.0


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m capture", description="Turn cameras into frames on the bus.")
    actions = parser.add_subparsers(dest="action")
    compose = actions.add_parser("compose-demo", help="make the demo clip and its truth, unless they are up to date")
    compose.add_argument("photos", type=Path, help="folder that `python -m facewire.models fetch` filled")
    compose.add_argument("directory", type=Path, help="where demo.mp4 and demo.truth.json go")
    asked = parser.parse_args(arguments)
    return compose_demo(asked.photos, asked.directory) if asked.action else serve()


def compose_demo(photos: Path, directory: Path) -> int:
    """Make the demo clip, saying how it goes."""
    from capture.demo.compose import ComposeError, compose  # noqa: PLC0415  only set-up needs it

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201

    try:
        made = compose(photos, directory, say)
    except ComposeError as error:
        stop_operator(str(error))
    except OSError as error:
        stop_operator(f"{directory}: {error.strerror}; name a folder with free space that you may write to")
    say(f"demo clip: {'composed' if made else 'up to date'} in {directory}")
    return 0


def serve() -> int:
    """Run the service until it is told to stop."""
    settings = load(CaptureSettings)
    for source in settings.sources:
        require_video(source, settings.demo_clip)
    marked = layouts(settings)
    with running("capture", settings) as service:
        watch = watching(service)
        frames = Publisher(service.bus, keys.FRAMES, service.metrics)
        live = live_layouts(service, marked, lambda layouts: note(service, layouts))
        warn_of_strangers(service, live)
        room = FrameRoom(service.bus, service.log)
        cameras = [
            Camera(
                source,
                service,
                Outlet(source.name, frames, service.metrics, room),
                veil(source.name, live),
                Curtain(source.name, lambda: watch.known),
            )
            for source in settings.sources
        ]
        for camera in cameras:
            camera.start()

        def look() -> None:
            if live.look():
                warn_of_strangers(service, live)
            room.look()

        keep_running(service, lambda: run(service, cameras, look))
        end_s = time.monotonic() + END_WITHIN_S
        ended = [camera.join(max(0.0, end_s - time.monotonic())) for camera in cameras]
    if not all(ended):
        # A thread that OpenCV still holds would be torn down amid C++ code, which may abort.
        os._exit(0)
    return 0


def veil(camera: str, live: LiveFile[Layouts]) -> Veil:
    """Return what covers a camera's masks as they are now."""
    return Veil(lambda: live.now.get(camera, Layout()).masks)


def note(service: Service[CaptureSettings], layouts: Layouts) -> str:
    """Say how many masks there are, and which names in `cameras.yaml` no camera here has."""
    names = strangers(service, layouts)
    warning = f"names cameras that are not captured here: {names}" if names else ""
    return "; ".join(filter(None, (summary(layouts, ["masks"]), warning)))


def strangers(service: Service[CaptureSettings], layouts: Layouts) -> str:
    """Return the names that no camera here has: a mask under a wrong name hides nothing."""
    return ", ".join(sorted(set(layouts) - {source.name for source in service.settings.sources}))


def warn_of_strangers(service: Service[CaptureSettings], live: LiveFile[Layouts]) -> None:
    """Tell people of names in `cameras.yaml` that no camera here has."""
    names = strangers(service, live.now)
    if names:
        service.log.warning("cameras.yaml names cameras that are not captured here", names=names)


def _file(shown: str) -> str:
    return "such file" if shown == FILE else f"file {shown}"


def require_video(source: Source, demo_clip: Path) -> None:
    """End the process with one line and exit code 2 where a source is a file that cannot be played."""
    path = file_path(source, demo_clip)
    if path is None:
        return
    shown = str(path) if source.kind == "demo" else source.shown
    if not is_file(str(path)):
        todo = f"run `python -m capture compose-demo PHOTOS {path.parent}`" if source.kind == "demo" else "name another"
        stop_operator(f"camera {source.name}: there is no {_file(shown)}; {todo}")
    capture = open_file(str(path))
    playable = capture.isOpened() and capture.grab()
    capture.release()
    if not playable:
        stop_operator(f"camera {source.name}: {shown} is no video that can be played; name another file")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
