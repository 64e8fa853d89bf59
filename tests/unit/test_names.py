"""Names of people: one person however a name is spelt, two where letters only look alike."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewire.codec import encode
from facewire.intake import Intake
from facewire.keys import FIELD
from facewire.log import open_log
from facewire.messages import FaceEvent, Identity, Person, Track, Tracks
from facewire.metrics import Metrics
from facewire.names import InvalidNameError, Spellings, display_name, is_valid_name, name_key, nearest_name
from tests.unit.messages import EVENT, TRACK

ZOE = "Zo\u00eb"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ZOE, "Zoe\u0308"),
        ("Anna", "anna"),
        ("Anna", "Anna "),
        ("Anna", "\ufeffAnna"),
        ("Anna", "\uff21\uff4e\uff4e\uff41"),
        ("Anna", "An\u200dna"),
        ("Anna", "An\u00adna\u2060"),
        ("Anna Berg", " Anna \u00a0 Berg\u3000"),
        ("\u0130rem", "\u0130REM"),
        ("Stra\u00dfer", "STRASSER"),
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),
        ("\u4f50\u85e4", "\u4f50\u85e4 "),
        ("\u0645\u06cc\u200c\u0646\u0627", "\u0645\u06cc\u0646\u0627"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680\ufe0f"),
        ("\ufb01nn", "FINN"),
    ],
)
def test_two_spellings_are_one_person(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Zoe", ZOE), ("Anna", "Аnna"), ("I", "\u0131"), ("Anna", "Ana"), ("An na", "Anna"), ("1", "l")],  # noqa: RUF001
)
def test_letters_that_look_alike_stay_two_people(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoe\u0308", ZOE),
        (" Anna \u00a0 Berg\n", "Anna Berg"),
        ("\ufeffAn\u200d\u00adna\u200b", "Anna"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("\u0645\u06cc\u200c\u0646\u0627", "\u0645\u06cc\u200c\u0646\u0627"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("ANNA", "ANNA"),
    ],
)
def test_a_name_is_shown_as_it_was_meant(text: str, shown: str) -> None:
    assert display_name(text) == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty_name"),
        (" \u00a0\t", "empty_name"),
        ("\u200d\ufeff\u00ad", "empty_name"),
        ("x" * 129, "long_name"),
        ("An\x00na", "control_in_name"),
        ("An\x1b[31mna", "control_in_name"),
        ("An\nna", "control_in_name"),
        ("\u202eannA", "direction_in_name"),
        ("An\u2066na", "direction_in_name"),
    ],
)
def test_a_name_of_nobody_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidNameError) as refused:
        display_name(text)
    assert refused.value.reason == reason


@given(st.text(max_size=40))
def test_a_shown_name_is_stable_composed_and_the_same_person(text: str) -> None:
    try:
        shown = display_name(text)
    except InvalidNameError:
        return
    assert display_name(shown) == shown == unicodedata.normalize("NFC", shown)
    assert name_key(shown) == name_key(text) == name_key(name_key(text))
    assert name_key(unicodedata.normalize("NFD", text)) == name_key(text)


def test_the_form_that_came_first_is_shown() -> None:
    spellings = Spellings()
    assert [spellings.first(name) for name in ("Anna", "anna", "ANNA", "Ana")] == ["Anna", "Anna", "Anna", "Ana"]


def test_the_nearest_name_is_told() -> None:
    assert nearest_name("Zoe", ["Anna", ZOE]) == ZOE
    assert nearest_name("Ana", ["Anna", ZOE]) == "Anna"
    assert nearest_name("Xavier", ["Anna", ZOE]) == ""


def test_names_are_normalised_where_messages_come_in(metrics: Metrics) -> None:
    intake = Intake(metrics, open_log("test"))

    def read(message: Identity | FaceEvent | Tracks) -> Identity | FaceEvent | Tracks | None:
        return intake.decode({FIELD: encode(message)}, type(message), "stream")

    def look(name: str) -> Identity:
        return Identity("door", 1, 1, 1, "e", name, 0.8, 0.3)

    def refused(reason: str) -> float | None:
        return metrics.registry.get_sample_value("facewire_test_rejected_total", {"reason": reason})

    assert read(look(" Zoe\u0308 ")) == look(ZOE)
    assert read(look("\u202eZoe")) is None
    bad = Person("\u200b", 0.8)
    assert read(FaceEvent("x", "identified", "door", 1, bad, 1, 1)) is None
    assert (refused("direction_in_name"), refused("empty_name")) == (1, 1)
    named = Tracks("door", 1, 1, tuple(_track(number, person) for number, person in ((1, bad), (2, Person("Ada ", 1)))))
    seen = read(named)
    assert isinstance(seen, Tracks)
    # A face stays, whatever its name: nobody is made of it.
    assert [track.identity for track in seen.tracks] == [bad, Person("Ada", 1)]
    assert not is_valid_name(bad.name)
    assert refused("empty_name") == 2
    assert read(EVENT) == EVENT


def _track(number: int, person: Person) -> Track:
    return replace(TRACK, id=number, identity=person)
