"""All cameras of this node, and what was last said of them."""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from facewire.health import Health
from facewire.messages import CAMERA_NAME, Tracks
from iot_bridge.discovery import Node, device_publication
from iot_bridge.payloads import health_publication
from iot_bridge.presence import CameraState
from iot_bridge.topics import Publication

FORGET_AFTER_S = 60.0


class Home:
    """What the home is told.

    Tracks, the clock and paho's callbacks come from three threads. What one of them decides under the lock it also
    says under the lock, so that no older state can overtake a newer one.

    Args:
        node: who speaks.
        make: makes the state of a camera that is new.
        clock: seconds that only go forward.
        say: sends; it must not wait.
    """

    def __init__(
        self,
        node: Node,
        make: Callable[[str], CameraState],
        clock: Callable[[], float],
        say: Callable[[Sequence[Publication]], None],
    ) -> None:
        self.node = node
        self._make = make
        self._clock = clock
        self._say = say
        self._cameras: dict[str, CameraState] = {}
        self._health: list[Publication] = []
        self._services: set[str] = set()
        self._lock = Lock()

    def update(self, tracks: Tracks) -> None:
        """Take in the tracks of a frame."""
        with self._lock:
            told = [] if tracks.camera in self._cameras else self._add(tracks.camera)
            self._say(told + self._cameras[tracks.camera].update(tracks, self._clock()))

    def tick(self) -> None:
        """Let time pass."""
        with self._lock:
            self._say([said for camera in self._cameras.values() for said in camera.tick(self._clock())])

    def fare(self, healths: Sequence[Health]) -> None:
        """Take in how the services fare; one that was there and is silent now is ill."""
        with self._lock:
            self._services |= {health.service for health in healths}
            self._health = [health_publication(healths, self._services, self.node.topics)]
            self._say(self._health)

    def know(self, announced: Iterable[str]) -> None:
        """Take in which cameras there are; one that was neither announced nor heard for a minute is forgotten."""
        names, now_s = set(announced), self._clock()
        with self._lock:
            gone = {
                name: state
                for name, state in self._cameras.items()
                if name not in names and state.silent_s(now_s) >= FORGET_AFTER_S
            }
            # Nobody announced: capture is down, which is no reason to forget its cameras.
            if names and gone:
                self._forget(gone)

    def remember(self, camera: str) -> None:
        """Take in a camera of which an earlier run left states behind: what it said may be true no more."""
        with self._lock:
            if CAMERA_NAME.fullmatch(camera) and camera not in self._cameras:
                self._say(self._add(camera))

    def remember_zone(self, camera: str, zone: str) -> None:
        """Take in a zone of which an earlier run left a state behind: one that is no more is erased."""
        with self._lock:
            if zone in self.node.zones.get(camera, ()) or not all(map(CAMERA_NAME.fullmatch, (camera, zone))):
                return
            farewell = device_publication(self.node, self._cameras, removed_zones=[(camera, zone)])
            erased = Publication(self.node.topics.zone(camera, zone), b"", retain=True)
            self._say([farewell, device_publication(self.node, self._cameras), erased])

    def say_everything(self) -> None:
        """Say all that a broker or a Home Assistant without memory must be told."""
        with self._lock:
            states = [said for camera in self._cameras.values() for said in camera.retained()]
            online = Publication(self.node.topics.availability, b"online", retain=True)
            self._say([device_publication(self.node, self._cameras), online, *self._health, *states])

    def _add(self, camera: str) -> list[Publication]:
        self._cameras[camera] = self._make(camera)
        self._cameras[camera].expect(self._clock())
        return [device_publication(self.node, self._cameras)]

    def _forget(self, gone: dict[str, CameraState]) -> None:
        for camera in gone:
            del self._cameras[camera]
        farewell = device_publication(self.node, self._cameras, removed=gone)
        erased = [said for state in gone.values() for said in state.erased()]
        self._say([farewell, device_publication(self.node, self._cameras), *erased])
