"""Turn a text into sound with the program that is there: piper where it has a voice, else espeak-ng."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facewire.service import OperatorError
from iot_bridge.settings import BridgeSettings
from iot_bridge.speech.programs import ProgramError, Programs
from iot_bridge.speech.sounds import Sound, SoundError, joined, read_wav
from iot_bridge.speech.wording import Language, Piece, pieces

ESPEAK, PIPER = "espeak-ng", "piper"
# Not `cmn`: the one of espeak-ng 1.51 (Debian 12) reads its own pinyin, `huan1`, as English, the tones as "one", "two".
ESPEAK_VOICES: Mapping[Language, str] = {"en": "en", "zh": "cmn-latn-pinyin"}
LANGUAGES: tuple[Language, ...] = ("en", "zh")
# A piper loads its network each time: about 2 s on an x86-64 core, more on a Pi.
TIMEOUT_S = 15.0
# 90 s of what these print: 22,050 samples of two bytes a second.
WAV_LIMIT_BYTES = 4_000_000


class EngineError(Exception):
    """No engine made a sound of a text; the text says why."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that reads a text and prints a WAV."""

    name: str
    command: tuple[str, ...]


Engines = Mapping[Language, tuple[Engine, ...]]
"""For each language the engines there are, the best first."""


def find_engines(settings: BridgeSettings, which: Callable[[str], str | None] = shutil.which) -> Engines:
    """Return what this host can speak with.

    Raises:
        OperatorError: what the settings name is not there.
    """
    wanted = settings.speech_engine
    espeak, piper = which(ESPEAK), which(PIPER)
    voices = {language: settings.piper_voice(language) for language in LANGUAGES}
    for language, voice in voices.items():
        _require_voice(language, voice)
    if wanted == ESPEAK and espeak is None:
        raise OperatorError(f"SPEECH_ENGINE: {ESPEAK} is not installed; install Debian's package espeak-ng")
    if wanted == PIPER and piper is None:
        raise OperatorError(f"SPEECH_ENGINE: {PIPER} is not on the PATH; pip install piper-tts (docs/speech.md)")
    if wanted == PIPER and not any(voices.values()):
        raise OperatorError("SPEECH_ENGINE: piper has no voice; name one, for example PIPER_VOICE_EN=/voices/en.onnx")
    return {
        language: (
            *(_piper(piper, voice) if wanted != ESPEAK else ()),
            *(_espeak(espeak, language)),
        )
        for language, voice in voices.items()
    }


def named(engines: Engines) -> str:
    """Say which engine speaks which language, for people."""
    return ", ".join(f"{language}: {found[0].name if found else 'nothing'}" for language, found in engines.items())


@dataclass(frozen=True, slots=True)
class Synthesizer:
    """Speaks texts into sounds.

    Args:
        engines: those there are.
        programs: runs them.
        timeout_s: how long one may take.
    """

    engines: Engines
    programs: Programs
    timeout_s: float = TIMEOUT_S

    def sound(self, text: str, language: Language, failed: Callable[[str, str], None]) -> Sound:
        """Return a text as sound.

        Args:
            text: what is said.
            language: its language.
            failed: called with each engine that failed, and why; the next one is tried.

        Raises:
            EngineError: no engine did.
        """
        for speakers, parts in self._ways(text, language):
            try:
                return joined([self._speak(engine, part.text) for engine, part in zip(speakers, parts, strict=True)])
            except (ProgramError, SoundError) as error:
                failed(speakers[0].name, str(error))
        raise EngineError(f"nothing speaks {language}")

    def _ways(self, text: str, language: Language) -> list[tuple[Sequence[Engine], Sequence[Piece]]]:
        """Return in which ways a text can be spoken, the best first.

        What is in two scripts is best spoken by espeak-ng, whose voices all have one format.
        """
        ways: list[tuple[Sequence[Engine], Sequence[Piece]]] = [
            ([engine], [Piece(text, language)]) for engine in self.engines[language]
        ]
        parts = pieces(text, language)
        mixed = [engine for part in parts for engine in self.engines[part.language] if engine.name == ESPEAK]
        if len(parts) > 1 and len(mixed) == len(parts):
            ways.insert(0, (mixed, parts))
        return ways

    def _speak(self, engine: Engine, text: str) -> Sound:
        printed = self.programs.run(
            engine.command, f"{text}\n".encode(), timeout_s=self.timeout_s, limit_bytes=WAV_LIMIT_BYTES
        )
        return read_wav(printed)


def _piper(program: str | None, voice: Path | None) -> tuple[Engine, ...]:
    if program is None or voice is None:
        return ()
    return (Engine(PIPER, (program, "--model", str(voice), "--output_file", "-")),)


def _espeak(program: str | None, language: Language) -> tuple[Engine, ...]:
    """Return espeak-ng for a language: UTF-8 from its standard input, and no `-m`, which would obey markup."""
    if program is None:
        return ()
    return (Engine(ESPEAK, (program, "-v", ESPEAK_VOICES[language], "-b", "1", "--stdin", "--stdout")),)


def _require_voice(language: Language, voice: Path | None) -> None:
    if voice is None:
        return
    name = f"PIPER_VOICE_{language.upper()}"
    for file in (voice, voice.with_name(f"{voice.name}.json")):
        if not file.is_file():
            raise OperatorError(
                f"{name}: {file} is not there; a piper voice is two files, NAME.onnx and NAME.onnx.json"
            )
