"""Read, join and write WAV: what synthesizers print and players want."""

import io
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass


class SoundError(Exception):
    """What was printed is no sound."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Linear PCM; `frames` are interleaved little-endian samples."""

    rate_hz: int
    channels: int
    width_bytes: int
    frames: bytes

    @property
    def duration_s(self) -> float:
        """How long it takes to hear it."""
        return len(self.frames) / (self.rate_hz * self.channels * self.width_bytes)


def read_wav(printed: bytes) -> Sound:
    """Return the sound of a WAV file.

    What is written to a pipe cannot know its length beforehand: espeak-ng says 2 GB in the header. So what there is
    counts, and not what the header says.

    Raises:
        SoundError: it is no WAV, or there is nothing in it.
    """
    try:
        with wave.open(io.BytesIO(printed)) as file:
            frame_bytes = file.getnchannels() * file.getsampwidth()
            frames = file.readframes(len(printed) // frame_bytes)
            whole = frames[: len(frames) // frame_bytes * frame_bytes]
            sound = Sound(file.getframerate(), file.getnchannels(), file.getsampwidth(), whole)
    except (wave.Error, struct.error, EOFError, ArithmeticError, RuntimeError, ValueError) as error:
        raise SoundError(f"it is no WAV file ({error})") from error
    if not sound.frames or not sound.rate_hz:
        raise SoundError("it holds no sound")
    return sound


def write_wav(sound: Sound) -> bytes:
    """Return a WAV file whose header tells its length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setframerate(sound.rate_hz)
        writer.setnchannels(sound.channels)
        writer.setsampwidth(sound.width_bytes)
        writer.writeframes(sound.frames)
    return file.getvalue()


def joined(sounds: Sequence[Sound]) -> Sound:
    """Return sounds one after another.

    Raises:
        SoundError: they differ in their format.
    """
    first = sounds[0]
    form = (first.rate_hz, first.channels, first.width_bytes)
    if any((each.rate_hz, each.channels, each.width_bytes) != form for each in sounds):
        raise SoundError("its parts differ in their format")
    return Sound(*form, b"".join(each.frames for each in sounds))
