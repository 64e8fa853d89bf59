"""What the home has switched, over what the environment says: kept on the store, obeyed by every service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import redis

from facewire import keys
from facewire.link import Link
from facewire.messages import CAMERA_NAME, EVERY_LIMIT
from facewire.service import S, Service, keep_running

ON, OFF = "on", "off"
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Controls:
    """What was switched; where nothing was, everything is as the environment says.

    Args:
        private: cameras whose pictures stay in capture.
        undetected: cameras in which no faces are looked for.
        recognition: whether faces get names.
        detect_every: frames per detection; None is as the environment says.
        backend: what detects as long as it works; None is as the environment says.
    """

    private: frozenset[str] = frozenset()
    undetected: frozenset[str] = frozenset()
    recognition: bool = True
    detect_every: int | None = None
    backend: str | None = None


def read(client: redis.Redis) -> Controls:
    """Return what is switched now."""
    fields: Any = client.hgetall(keys.CONTROLS)
    return parse({_text(name): _text(value) for name, value in fields.items()})


def write(client: redis.Redis, field: str, value: str | None) -> None:
    """Set one field of `keys`; None is as the environment says."""
    if value is None:
        client.hdel(keys.CONTROLS, field)
    else:
        client.hset(keys.CONTROLS, field, value)


def parse(fields: Mapping[str, str]) -> Controls:
    """Understand the hash; what makes no sense is as the environment says, but for privacy, which is then on."""
    return Controls(
        private=_cameras(fields, keys.privacy, lambda value: value != OFF),
        undetected=_cameras(fields, keys.detection, lambda value: value == OFF),
        recognition=fields.get(keys.RECOGNITION) != OFF,
        detect_every=_frames(fields.get(keys.DETECT_EVERY, "")),
        backend=fields.get(keys.BACKEND) or None,
    )


class Watch:
    """Holds what the store last said; when the store goes away, that still holds.

    Args:
        store: the store.
    """

    def __init__(self, store: Link) -> None:
        self._store = store
        self.known: Controls | None = None
        """None until the store has answered once."""

    @property
    def controls(self) -> Controls:
        """What holds where waiting for the store would be worse than not knowing."""
        return self.known or Controls()

    def run(self, until: Event) -> None:
        """Look again and again until `until` is set."""
        while not until.is_set():
            self.known = self._store.patiently(read, until) or self.known
            until.wait(LOOK_EVERY_S)


def watching(service: Service[S]) -> Watch:
    """Look at the controls in a thread of its own for as long as the service runs."""
    watch = Watch(service.store)

    def look() -> None:
        watch.run(service.stop)

    Thread(target=keep_running, args=(service, look), name="controls", daemon=True).start()
    return watch


def _cameras(fields: Mapping[str, str], name: Callable[[str], str], says: Callable[[str], bool]) -> frozenset[str]:
    """Return the cameras whose field, as `name` names it, says so."""
    named = {field.partition(":")[2] for field in fields}
    return frozenset(
        camera
        for camera in named
        if CAMERA_NAME.fullmatch(camera) and name(camera) in fields and says(fields[name(camera)])
    )


def _frames(text: str) -> int | None:
    sane = text.isascii() and text.isdecimal() and len(text) <= len(str(EVERY_LIMIT))
    return int(text) if sane and 1 <= int(text) <= EVERY_LIMIT else None


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
