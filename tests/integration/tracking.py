"""The tracker as a process, and doors before which somebody stands or walks."""

from contextlib import AbstractContextManager
from pathlib import Path

from tests.integration.door import Door
from tests.processes import Running, service
from tests.servers import free_port
from tests.unit.scene import Scene, Walker

STANDING = Walker(200, 150)


def tracker(folder: Path, bus_url: str, store_url: str, **settings: str) -> AbstractContextManager[Running]:
    told = {"METRICS_PORT": str(free_port())} | settings
    return service("tracker", folder, BUS_URL=bus_url, STORE_URL=store_url, **told)


def door(bus_url: str, *walkers: Walker, camera: str = "door") -> Door:
    made = Door(bus_url, Scene(*walkers, camera=camera))
    made.announce()
    return made
