"""What is said to whom; and that a name, whatever it is, is only ever spoken."""

# ruff: noqa: RUF001  Chinese has commas of its own
import unicodedata
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.rules.model import Greeting, Speak
from iot_bridge.speech.rates import EVERYBODY_LIMIT, verdict
from iot_bridge.speech.sounds import Sound, SoundError, joined, read_wav, write_wav
from iot_bridge.speech.wording import (
    IN_NAMES,
    NAME_LIMIT,
    TEXT_LIMIT,
    Language,
    Piece,
    pieces,
    spoken_name,
    spoken_text,
    time_of_day,
    utterance,
)

from facewire.messages import Person
from tests.unit.messages import EVENT

MORNING = datetime(2026, 11, 24, 8, 30)  # noqa: DTZ001  what a clock on the wall shows
GREETING = Greeting(people={"anna": "Welcome home, {person}"}, languages={"wei": "zh"})


def said(speak: Speak, person: str | None, greeting: Greeting = GREETING) -> tuple[str, str]:
    identity = None if person is None else Person(person, 0.8)
    found = utterance(speak, greeting, replace(EVENT, identity=identity), MORNING)
    return found.text, found.language


@pytest.mark.parametrize(
    ("speak", "person", "text", "language"),
    [
        (Speak(), "Bo", "Hello, Bo.", "en"),
        (Speak(), "anna", "Welcome home, anna", "en"),
        (Speak(), "wei", "你好，wei。", "zh"),
        (Speak(), "WEI ", "你好，WEI。", "zh"),
        (Speak(), "Ａnna", "Welcome home, Anna", "en"),
        (Speak(language="zh"), "Bo", "你好，Bo。", "zh"),
        (Speak(language="en"), "wei", "Hello, wei.", "en"),
        (Speak("{greeting}, {person}, at the {camera}"), "Bo", "Good morning, Bo, at the door", "en"),
        (Speak("{greeting}，{person}"), "wei", "早上好，wei", "zh"),
        (Speak("Who is there?"), "anna", "Who is there?", "en"),
        (Speak(), None, "Hello.", "en"),
        (Speak(language="zh"), None, "你好。", "zh"),
        (Speak("Welcome, {person}."), None, "Welcome.", "en"),
        (Speak("欢迎，{person}。", "zh"), None, "欢迎。", "zh"),
        (Speak(), "🙂", "Hello.", "en"),
    ],
)
def test_everybody_is_greeted_in_their_own_words_and_language(
    speak: Speak, person: str | None, text: str, language: str
) -> None:
    assert said(speak, person) == (text, language)


@pytest.mark.parametrize(("hour", "words"), [(4, "evening"), (5, "morning"), (11, "morning"), (12, "afternoon")])
def test_the_time_of_day_is_that_of_the_clock_on_the_wall(hour: int, words: str) -> None:
    assert time_of_day(hour, "en") == f"Good {words}"
    assert {time_of_day(each, "zh") for each in range(24)} == {"早上好", "下午好", "晚上好"}


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("; rm -rf /", "rm -rf"),
        ("$(reboot) `id`", "reboot id"),
        ("<speak>Anna</speak>", "speak Anna speak"),
        ("＜speak＞", "speak"),
        ("[[h@l'oU]]", "h l'oU"),
        ("-w /etc/x", "w etc x"),
        ("--stdin", "stdin"),
        ("An\x00na\x01", "An na"),
        ("an\u202ena", "anna"),
        ("{person}", "person"),
        ("Anna\nBo", "Anna Bo"),
        ("Jean-Luc O'Neill", "Jean-Luc O'Neill"),
        ("王小明", "王小明"),
        ("x" * 10_000, "x" * NAME_LIMIT),
    ],
)
def test_a_name_is_words_and_nothing_else(name: str, spoken: str) -> None:
    assert spoken_name(name) == spoken


def test_a_text_of_a_rule_keeps_its_marks_and_loses_what_synthesizers_obey() -> None:
    assert spoken_text("Hi! <b>You</b>,\n[[h@l'oU]] | (you; too)\x01?") == "Hi! b You /b , h@l'oU (you; too) ?"
    assert spoken_text("word " * 100) == ("word " * 60).strip()


@given(st.text(max_size=300))
def test_no_name_holds_what_a_program_would_obey(name: str) -> None:
    spoken = spoken_name(name)
    assert len(spoken) <= NAME_LIMIT
    assert all(unicodedata.category(each)[0] in "LMN" or each in IN_NAMES for each in spoken)
    assert not spoken.startswith("-")
    assert spoken_name(spoken) == spoken


@given(
    template=st.text(max_size=400), name=st.text(min_size=1, max_size=128), language=st.sampled_from(get_args(Language))
)
def test_no_text_holds_what_a_program_would_obey(template: str, name: str, language: Language) -> None:
    text = said(Speak(spoken_text(template) + "{person}", language), name)[0]
    assert len(text) <= TEXT_LIMIT
    assert all(unicodedata.category(each)[0] != "C" and each not in "[]<>{}|\\`" for each in text)
    assert text.encode().decode() == text
    assert len(text.splitlines()) <= 1


def test_what_is_written_in_chinese_is_spoken_by_the_chinese_voice() -> None:
    assert pieces("Hello, 王小明. Come in", "en") == [
        Piece("Hello", "en"),
        Piece("王小明", "zh"),
        Piece(". Come in", "en"),
    ]
    assert pieces("Hello, Anna.", "en") == [Piece("Hello, Anna.", "en")]
    # Its voice reads Latin letters by itself.
    assert pieces("你好，Anna。", "zh") == [Piece("你好，Anna。", "zh")]


def test_a_greeting_waits_for_its_time_and_for_its_turn() -> None:
    assert verdict(None, 300.0, 0) == "granted"
    assert verdict(299.0, 300.0, 0) == "too_soon"
    assert verdict(300.0, 300.0, 0) == "granted"
    assert verdict(None, 0.0, EVERYBODY_LIMIT) == "too_many"
    assert verdict(0.0, 0.0, EVERYBODY_LIMIT - 1) == "granted"


def test_a_greeting_without_a_time_zone_names_no_time_of_day() -> None:
    assert utterance(Speak("{greeting}, {person}"), Greeting(), EVENT, None).text == "Hello"
    assert utterance(Speak("{greeting}!", "zh"), Greeting(), EVENT, None).text == "你好!"


def test_what_there_is_of_a_sound_counts_and_not_what_its_header_says() -> None:
    sound = Sound(22050, 1, 2, b"\x01\x02" * 50)
    file = write_wav(sound)
    assert read_wav(file) == sound
    endless = file[:4] + b"\x24\xf0\xff\x7f" + file[8:40] + b"\x00\xf0\xff\x7f" + file[44:]
    assert read_wav(endless) == sound
    assert read_wav(endless[:-1]) == replace(sound, frames=sound.frames[:-2])


@pytest.mark.parametrize("broken", [b"", b"RIFF", b"hello", write_wav(Sound(22050, 1, 2, b""))])
def test_what_is_no_sound_is_told(broken: bytes) -> None:
    with pytest.raises(SoundError):
        read_wav(broken)


@given(st.binary(max_size=200))
def test_whatever_is_printed_is_a_sound_or_told(printed: bytes) -> None:
    header: Any = write_wav(Sound(22050, 1, 2, b""))
    for file in (printed, header[:12] + printed, header[:22] + printed):
        try:
            assert read_wav(file).frames
        except SoundError:
            continue


def test_sounds_of_different_formats_are_not_joined() -> None:
    first, second = Sound(22050, 1, 2, b"\x01\x02"), Sound(22050, 1, 2, b"\x03\x04")
    assert joined([first, second]).frames == b"\x01\x02\x03\x04"
    with pytest.raises(SoundError):
        joined([first, replace(second, rate_hz=16000)])
