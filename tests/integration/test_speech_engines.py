"""Speech with the real programs: what espeak-ng makes of a text, and what becomes of it where an engine fails."""

# ruff: noqa: RUF001  Chinese has commas of its own

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from iot_bridge.rules.model import Greeting, Speak
from iot_bridge.speech.engines import (
    ESPEAK,
    ESPEAK_VOICES,
    Engine,
    EngineError,
    Engines,
    Synthesizer,
    find_engines,
    named,
)
from iot_bridge.speech.programs import ProgramError
from iot_bridge.speech.wording import Language, utterance

from facewire.messages import Person
from facewire.service import OperatorError
from tests.integration.speaking import found, never, programs, settings
from tests.integration.speech import fake_piper, peak, stand_in, voice
from tests.servers import HUNG_S, program, wait_for
from tests.unit.messages import EVENT
from tests.unit.test_speech_wording import MORNING

HOSTILE = [
    "; rm -rf /",
    "$(touch {file})",
    "<speak>Anna</speak>",
    '<audio src="/etc/passwd"/>',
    "[[h@l'oU]]",
    "-w {file}",
    "--phonout={file}",
    "\x01\x02Anna\x00",
    "x" * 128,
    "王" * 128,
]


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello, Anna.", "en"), ("你好，伟。", "zh"), ("欢迎回家，Anna。", "zh"), ("Hello, 王小明.", "en")],
)
def test_espeak_speaks_both_languages(text: str, language: Language) -> None:
    sound = Synthesizer(found(), programs()).sound(text, language, never)
    assert (sound.rate_hz, sound.channels, sound.width_bytes) == (22050, 1, 2)
    # `-m` would obey markup.
    assert "-m" not in found()[language][0].command
    assert 0.5 < sound.duration_s < 4
    assert peak(sound) > 3000


@pytest.mark.parametrize("text", ["你好", "早上好，王小明", "欢迎回家"])
def test_chinese_is_read_as_chinese(text: str) -> None:
    # The voice `cmn` of espeak-ng 1.51 reads its own pinyin as English: `(en)` among the phonemes.
    command = [program(ESPEAK), "-v", ESPEAK_VOICES["zh"], "-q", "-x", "--stdin"]
    phonemes = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=HUNG_S).stdout
    assert "(en)" not in phonemes
    # Every syllable has a tone.
    assert sum(character.isdigit() for character in phonemes) >= len(text.replace("，", ""))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_spoken(tmp_path: Path, name: str) -> None:
    file = tmp_path / "made"
    event = replace(EVENT, identity=Person(name.replace("{file}", str(file))[:128], 0.8))
    text = utterance(Speak(), Greeting(), event, MORNING).text
    sound = Synthesizer(found(), programs()).sound(text, "en", never)
    assert 0.5 < sound.duration_s < 60
    assert peak(sound) > 3000
    assert not file.exists()
    log = tmp_path / "told"
    spy = stand_in(
        tmp_path / "bin", "spy", f"import sys; open({str(log)!r}, 'w').write(repr((sys.argv[1:], sys.stdin.read())))"
    )
    with pytest.raises(EngineError):
        Synthesizer({"en": (Engine("spy", (spy, "--stdin")),), "zh": ()}, programs()).sound(text, "en", lambda *_: None)
    # The name is in no argument, and makes neither a second line nor markup.
    assert log.read_text(encoding="utf-8") == repr((["--stdin"], f"{text}\n"))
    assert not {"<", "[", "\\", "$"} & set(text)


def test_an_engine_that_hangs_is_ended_with_what_it_started_and_the_next_one_speaks(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hanging = stand_in(
        tmp_path,
        "hanging",
        f"""
        import os, pathlib, subprocess, time
        child = subprocess.Popen(["sleep", "3600"])
        pathlib.Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(3600)
        """,
    )
    beats, failed = [], []
    engines = found()
    both = {**engines, "en": (Engine("hanging", (hanging,)), *engines["en"])}
    running = programs(beat=lambda: beats.append(1))
    sound = Synthesizer(both, running, 5).sound("Hello", "en", lambda *why: failed.append(why))
    assert peak(sound) > 3000
    assert failed == [("hanging", "it took longer than 5 s")]
    assert len(beats) > 10
    for pid in map(int, pids.read_text(encoding="utf-8").split()):
        wait_for(lambda pid=pid: _is_gone(pid), "it to be gone")  # type: ignore[misc]


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    # Whose parent is gone too may wait for somebody to take note of it.
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import sys; sys.exit('no such voice')", "no such voice"),
        ("import os; os.abort()", "it was ended by signal 6"),
        ("print('hello')", "it is no WAV file"),
        ("", "it is no WAV file"),
        ("while True: print('x' * 100_000)", "it printed too much"),
    ],
)
def test_an_engine_that_fails_is_told_why(tmp_path: Path, body: str, why: str) -> None:
    failed: list[tuple[str, str]] = []
    engines: Engines = {"en": (Engine("faulty", (stand_in(tmp_path, "faulty", body),)),), "zh": ()}
    with pytest.raises(EngineError, match="nothing speaks en"):
        Synthesizer(engines, programs()).sound("Hello", "en", lambda *each: failed.append(each))
    assert len(failed) == 1
    assert failed[0][1].startswith(why)


def test_the_end_of_the_service_ends_what_it_runs(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    slow = stand_in(tmp_path, "slow", "import time; time.sleep(3600)")
    with pytest.raises(ProgramError, match="the service ends"):
        programs(stop).run([slow], b"", timeout_s=3600, limit_bytes=10)


def test_a_program_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "sesame")
    telling = stand_in(tmp_path, "telling", "import os; print(dict(os.environ))")
    printed = programs().run([telling], b"", timeout_s=HUNG_S, limit_bytes=10_000)
    assert b"LC_ALL" in printed
    assert b"sesame" not in printed


# ---- which engine


def test_piper_speaks_where_it_has_a_voice_and_espeak_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_folder = tmp_path / "bin"
    fake_piper(bin_folder)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    engines = found(piper_voice_en=voice(tmp_path))
    assert named(engines) == "en: piper, zh: espeak-ng"
    assert [engine.name for engine in engines["en"]] == ["piper", ESPEAK]
    synthesizer = Synthesizer(engines, programs())
    assert synthesizer.sound("Hello, Anna.", "en", never).rate_hz == 16000
    assert synthesizer.sound("你好", "zh", never).rate_hz == 22050
    # Two scripts: one engine for both, since sounds of two formats cannot be joined.
    assert synthesizer.sound("Hello, 王小明.", "en", never).rate_hz == 22050
    assert named(find_engines(settings(piper_voice_en=voice(tmp_path), speech_engine="espeak-ng"))) == (
        "en: espeak-ng, zh: espeak-ng"
    )
    assert named(find_engines(settings())) == "en: espeak-ng, zh: espeak-ng", "piper without a voice says nothing"


def test_without_any_engine_nothing_is_spoken_and_nothing_refused() -> None:
    engines = find_engines(settings(), lambda _name: None)
    assert named(engines) == "en: nothing, zh: nothing"
    with pytest.raises(EngineError):
        Synthesizer(engines, programs()).sound("Hello", "en", never)


@pytest.mark.parametrize(
    ("told", "there", "complaint"),
    [
        ({"speech_engine": "espeak-ng"}, (), "SPEECH_ENGINE: espeak-ng is not installed"),
        ({"speech_engine": "piper"}, (ESPEAK,), "SPEECH_ENGINE: piper is not on the PATH"),
        ({"speech_engine": "piper"}, (ESPEAK, "piper"), "SPEECH_ENGINE: piper has no voice"),
        ({"piper_voice_zh": Path("/nowhere/zh.onnx")}, (ESPEAK,), "PIPER_VOICE_ZH: /nowhere/zh.onnx is not there"),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_refused(
    told: dict[str, Any], there: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(OperatorError, match=complaint):
        find_engines(settings(**told), lambda name: f"/usr/bin/{name}" if name in there else None)
