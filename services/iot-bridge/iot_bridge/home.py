"""All cameras and people of this node, and what was last said of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from facewire.controls import Controls
from facewire.health import Health
from facewire.messages import CAMERA_NAME, FaceEvent, Tracks
from iot_bridge.births import Births
from iot_bridge.discovery import Components, Describer, Known, Node, components, former_platforms, gone
from iot_bridge.discovery.cameras import zone_components
from iot_bridge.packets import LARGEST
from iot_bridge.payloads import health_publication
from iot_bridge.people import People
from iot_bridge.presence import CameraState
from iot_bridge.switches import Choices, states
from iot_bridge.topics import Publication

FORGET_AFTER_S = 60.0
SETTLED_AFTER_S = 10.0
"""By then everything is heard of that the broker has kept."""


class Home:
    """What the home is told.

    Tracks, events, the clock, controls and paho's callbacks come from threads of their own. What one of them decides
    under the lock it also says under the lock, so that no older state can overtake a newer one.

    Args:
        node: who speaks.
        make: makes the state of a camera that is new.
        people: who is present.
        clock: seconds that only go forward.
        say: sends; it must not wait.
        limit: returns the most bytes that a packet may have.
    """

    def __init__(
        self,
        node: Node,
        make: Callable[[str], CameraState],
        people: People,
        clock: Callable[[], float],
        say: Callable[[Sequence[Publication]], None],
        limit: Callable[[], int] = lambda: LARGEST,
    ) -> None:
        self.node = node
        self._make = make
        self._people = people
        self._clock = clock
        self._say = say
        self._cameras: dict[str, CameraState] = {}
        self._backends: tuple[str, ...] = ()
        self._health: list[Publication] = []
        self._services: set[str] = set()
        self._controls: Controls | None = None
        self._switched: dict[str, str] = {}
        self._describer = Describer(limit, clock)
        self.births = Births(clock)
        self._undescribed: Components | None = None
        self._unread_faces: set[str] = set()
        self._unread_people: set[str] = set()
        self._former: dict[str, str] = {}
        self._settled_s = float("inf")
        self._lock = Lock()

    @property
    def cameras(self) -> list[str]:
        """The cameras there are."""
        with self._lock:
            return sorted(self._cameras)

    @property
    def people(self) -> list[str]:
        """The names of all known people."""
        with self._lock:
            return sorted(self._people.named.values())

    @property
    def choices(self) -> Choices:
        """What commands may name."""
        with self._lock:
            return Choices(frozenset(self._cameras), self._backends, self.node.detect_every_max)

    @property
    def controls(self) -> Controls | None:
        """What is switched; None while the store has not said it."""
        return self._controls

    def update(self, tracks: Tracks) -> None:
        """Take in the tracks of a frame."""
        with self._lock:
            now_s, known = self._clock(), (len(self._cameras), len(self._people))
            told = [] if tracks.camera in self._cameras else self._begin(tracks.camera)
            told += self._cameras[tracks.camera].update(tracks, now_s) + self._people.update(tracks, now_s)
            if (len(self._cameras), len(self._people)) != known:
                told = self._describer.replaced(self.node, self._known, {}) + told
            self._say(told)

    def happen(self, event: FaceEvent, entry_id: str = "") -> None:
        """Take in an event, and its id on the stream: who was seen last."""
        if event.type in ("identified", "unknown"):
            with self._lock:
                told = [] if event.camera in self._cameras else self._add(event.camera)
                self._say(told + self._cameras[event.camera].name(event, entry_id))

    def tick(self) -> None:
        """Let time pass."""
        if self.births.due():
            self.say_everything()
        with self._lock:
            now_s = self._clock()
            told = self._replacements()
            told += [said for camera in self._cameras.values() for said in camera.tick(now_s)]
            told += self._people.tick(now_s)
            for key in self._people.old(datetime.now(UTC), now_s):
                told += self._forget_person(key)
            if self._undescribed is not None:
                were, self._undescribed = self._undescribed, None
                told += self._replaced(were)
            told += self._describer.tick(self.node, self._known, self._former)
            if now_s >= self._settled_s:
                self._settled_s = float("inf")
                told += self._farewell(gone(self._former, components(self.node, self._known)))
            self._say(told)

    def fare(self, healths: Sequence[Health]) -> None:
        """Take in how the services fare; one that was there and is silent now is ill."""
        usable = [health.notes["usable"].split() for health in healths if "usable" in health.notes]
        with self._lock:
            self._services |= {health.service for health in healths}
            self._health = [health_publication(healths, self._services, self.node.topics)]
            before = self._known
            if usable:
                self._backends = tuple(sorted(usable[0]))
            self._say(self._described(before) + self._health)

    def know(self, announced: Iterable[str]) -> None:
        """Take in which cameras there are; one that was neither announced nor heard for a minute is forgotten."""
        names, now_s = set(announced), self._clock()
        with self._lock:
            silent = {
                name: state
                for name, state in self._cameras.items()
                if name not in names and state.silent_s(now_s) >= FORGET_AFTER_S
            }
            # Nobody announced: capture is down, which is no reason to forget its cameras.
            if names and silent:
                self._forget(silent)

    def obey(self, controls: Controls) -> None:
        """Take in what the store holds of the controls."""
        with self._lock:
            self._controls = controls
            now_s = self._clock()
            told = [said for camera in self._cameras.values() for said in camera.obey(controls, now_s)]
            self._say(told + self._switches())

    def remember(self, camera: str) -> None:
        """Take in a camera of which an earlier run left states behind: what it said may be true no more."""
        with self._lock:
            if CAMERA_NAME.fullmatch(camera) and camera not in self._cameras:
                self._say(self._add(camera))

    def remember_face(self, camera: str, payload: bytes) -> None:
        """Take in the last face that an earlier run told of a camera."""
        self.remember(camera)
        with self._lock:
            if camera in self._cameras and not self._cameras[camera].remember_face(payload):
                self._unread_faces.add(camera)

    def remember_zone(self, camera: str, zone: str) -> None:
        """Take in a zone of which an earlier run left a state behind: one that is no more is erased."""
        with self._lock:
            if zone in self.node.zones.get(camera, ()) or not all(map(CAMERA_NAME.fullmatch, (camera, zone))):
                return
            were = zone_components(self.node, camera, zone)
            erased = Publication(self.node.topics.zone(camera, zone), b"", retain=True)
            self._say([*self._farewell({key: {"p": entity["p"]} for key, entity in were.items()}), erased])

    def remember_person(self, key: str, payload: bytes) -> None:
        """Take in what an earlier run said of a person; nothing, said now, is how an owner forgets them."""
        with self._lock:
            before = self._known
            if payload:
                if not self._people.remember(key, payload, self._clock()):
                    self._unread_people.add(key)
            else:
                # The broker has forgotten them already. To tell it would be heard here too, and go round for ever
                # while they stand before a camera and are added again.
                self._people.forget(key)
            self._say(self._described(before))

    def remember_description(self, payload: bytes) -> None:
        """Take in how an earlier run, perhaps of another release, described the device: what is no more is removed."""
        with self._lock:
            self._former = former_platforms(payload)
            self._describer.remember_device()
            self._settled_s = self._clock() + SETTLED_AFTER_S

    def remember_entity(self, topic: str) -> None:
        """Take in where an earlier run described a single entity."""
        with self._lock:
            self._describer.remember_entity(topic)

    def mark(self, zones: Mapping[str, Sequence[str]]) -> None:
        """Take in the zones of each camera: what is no more is removed, and then what was said of it erased."""
        if zones == self.node.zones:
            return
        with self._lock:
            were = components(self.node, self._known)
            self.node = replace(self.node, zones=zones)
            erased = [said for name, state in self._cameras.items() for said in state.mark(zones.get(name, ()))]
            self._say([*self._replaced(were), *erased])

    def redescribe(self, were: Components) -> None:
        """Describe the device anew, since other parts of the bridge have changed.

        Args:
            were: what those parts described before; what is no more of it is removed.
        """
        with self._lock:
            self._say(self._replaced(were))

    def say_everything(self) -> None:
        """Say all that a broker or a Home Assistant without memory must be told."""
        with self._lock:
            told = [said for camera in self._cameras.values() for said in camera.retained()]
            online = Publication(self.node.topics.availability, b"online", retain=True)
            self._switched.clear()
            told += self._people.retained() + self._switches()
            self._say([*self._describer.everything(self.node, self._known), online, *self._health, *told])

    @property
    def _known(self) -> Known:
        return Known(frozenset(self._cameras), self._people.named, self._backends)

    def _replacements(self) -> list[Publication]:
        """Return what takes the place of states that somebody has put there and nobody can read."""
        told = [self._cameras[camera].face() for camera in self._unread_faces if camera in self._cameras]
        told += [self._people.state(key) for key in self._unread_people]
        self._unread_faces.clear()
        self._unread_people.clear()
        return told

    def _described(self, before: Known) -> list[Publication]:
        """Describe the device, if something is new."""
        if self._known == before:
            return []
        if self._undescribed is None and self._describer.may_describe():
            return self._replaced(components(self.node, before))
        # What else changes until the next tick is described with it.
        self._undescribed = self._undescribed or components(self.node, before)
        return []

    def _replaced(self, were: Components) -> list[Publication]:
        """Describe the device as it is now; what is no more of what it was is first named by its platform alone."""
        leaving = gone({key: entity["p"] for key, entity in were.items()}, components(self.node, self._known))
        return self._describer.replaced(self.node, self._known, leaving)

    def _farewell(self, leaving: Components) -> list[Publication]:
        return self._describer.replaced(self.node, self._known, leaving) if leaving else []

    def _switches(self) -> list[Publication]:
        if self._controls is None:
            return []
        now = states(self._controls, frozenset(self._cameras), self.node.topics)
        changed = {topic: text for topic, text in now.items() if self._switched.get(topic) != text}
        self._switched = now
        return [Publication(topic, text.encode(), retain=True) for topic, text in changed.items()]

    def _add(self, camera: str) -> list[Publication]:
        before = self._known
        told = self._begin(camera)
        return [*self._described(before), *told]

    def _begin(self, camera: str) -> list[Publication]:
        state = self._cameras[camera] = self._make(camera)
        state.expect(self._clock())
        obeyed = state.obey(self._controls, self._clock()) if self._controls else []
        return self._switches() + obeyed

    def _forget(self, silent: dict[str, CameraState]) -> None:
        before = self._known
        for camera in silent:
            del self._cameras[camera]
        self._switches()
        erased = [said for state in silent.values() for said in state.erased()]
        self._say([*self._described(before), *erased])

    def _forget_person(self, key: str) -> list[Publication]:
        before = self._known
        erased = self._people.forget(key)
        return self._described(before) + erased
