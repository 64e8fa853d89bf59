"""Bring a sound to where it is heard: a sound card, a subscriber, or a media player's address.

None of these tries again: a greeting that comes late greets nobody.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from iot_bridge.http_post import PostError, post
from iot_bridge.packets import LARGEST, packet_size
from iot_bridge.payloads import packed
from iot_bridge.speech.programs import ProgramError, Programs
from iot_bridge.speech.sounds import Sound, write_wav
from iot_bridge.speech.wording import Utterance
from iot_bridge.topics import Publication, Topics

# Beyond the sound's own length: to open a device that another may be using.
ALSA_PATIENCE_S = 10.0
WEBHOOK_TIMEOUT_S = 5.0


class OutletError(Exception):
    """A sound was not heard; the text says why."""


class Outlet(Protocol):
    """Where sounds go."""

    def play(self, said: Utterance, sound: Sound) -> None:
        """Let a sound be heard.

        Raises:
            OutletError: it was not.
        """


@dataclass(frozen=True, slots=True)
class Alsa:
    """Plays on a sound card of this host, and waits until it is over."""

    program: str
    device: str
    programs: Programs

    def play(self, said: Utterance, sound: Sound) -> None:
        """Play a sound; whose it is does not matter here."""
        del said
        command = (self.program, f"--device={self.device}", "--quiet", "-")
        try:
            self.programs.run(
                command, write_wav(sound), timeout_s=sound.duration_s + ALSA_PATIENCE_S, limit_bytes=65_536
            )
        except ProgramError as error:
            raise OutletError(f"ALSA's device {self.device}: {error}") from error


@dataclass(frozen=True, slots=True)
class Mqtt:
    """Says over MQTT what is said, and then the sound; a broker that is away gets neither.

    Args:
        topics: the bridge's own.
        is_up: says whether the broker is there.
        say: sends what need not arrive.
        largest: returns the most bytes that a packet may have.
    """

    topics: Topics
    is_up: Callable[[], bool]
    say: Callable[[Sequence[Publication]], None]
    largest: Callable[[], int] = lambda: LARGEST

    def play(self, said: Utterance, sound: Sound) -> None:
        """Send both; never retained, since who comes later was not greeted."""
        if not self.is_up():
            raise OutletError("the broker is away")
        told = Publication(self.topics.said, packed(described(said)))
        wav = Publication(self.topics.wav, write_wav(sound))
        self.say([told, wav])
        if packet_size(wav) > self.largest():
            raise OutletError(f"the sound is larger than the {self.largest()} bytes that the broker takes")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Sends sounds to an address by POST.

    Args:
        url: the address, which may hold a secret.
    """

    url: str
    timeout_s: float = WEBHOOK_TIMEOUT_S

    def play(self, said: Utterance, sound: Sound) -> None:
        """Send one sound, once."""
        headers = {
            "Content-Type": "audio/wav",
            "Content-Language": said.language,
            "Idempotency-Key": said.event.id if said.event.id.isascii() and said.event.id.isprintable() else "",
            "User-Agent": "facewire",
            # ASCII alone, as headers are.
            "X-Facewire-Said": json.dumps(described(said)),
        }
        told = {name: value for name, value in headers.items() if value}
        try:
            status = post(self.url, write_wav(sound), told, self.timeout_s)
        except PostError as error:
            raise OutletError(f"SPEECH_WEBHOOK_URL: {error}") from error
        if not 200 <= status < 300:
            raise OutletError(f"SPEECH_WEBHOOK_URL: status {status}")


def described(said: Utterance) -> dict[str, str | int]:
    """Return what is told of something said."""
    return {
        "id": said.event.id,
        "text": said.text,
        "person": said.person,
        "language": said.language,
        "camera": said.event.camera,
        "captured_ns": said.event.at_ns,
    }
