"""What a home is told of people: where they were seen last, and nothing more of whom it shall forget."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from iot_bridge.people import MOST_PEOPLE, key_of
from iot_bridge.topics import Publication

from tests.unit.ears import ADA, Ears, as_, components, seen
from tests.unit.home import NODE, TOPICS, fields


def presences(publications: list[Publication], topic: str = ADA) -> list[tuple[str, str]]:
    said = [fields(one) for one in publications if one.topic == topic and one.payload]
    return [(one["presence"], one["camera"]) for one in said]


def test_a_person_is_described_when_they_are_first_recognised_and_is_present_until_not_seen_for_long_enough() -> None:
    ears = Ears()
    ears.home.update(seen(as_(None)))
    assert key_of("Ada") not in str(ears.take())
    ears.home.update(seen(as_("Ada")))
    described, state_ = (one for one in ears.take() if one.topic in (NODE.config_topic, ADA))
    assert f"person.{key_of('Ada')}" in components(described)
    assert fields(state_) == {"name": "Ada", "presence": "ON", "camera": "door", "at": "2023-11-14T22:13:20.000+00:00"}
    assert state_.retain
    ears.now_s += 2
    ears.home.update(seen())
    assert presences(ears.take()) == []
    ears.now_s += 0.1
    ears.home.update(seen())
    ears.home.tick()
    ears.home.tick()
    assert presences(ears.take()) == [("OFF", "door")]


def test_nobody_is_present_of_whom_only_a_tentative_face_is_seen() -> None:
    ears = Ears()
    ears.home.update(seen(replace(as_("Ada"), state="tentative")))
    assert presences(ears.take()) == []


def test_a_person_whom_two_cameras_see_does_not_flicker_and_is_where_they_were_seen_last() -> None:
    ears = Ears()
    for step in range(10):
        ears.now_s += 0.1
        ears.home.update(seen(as_("Ada"), camera="hall" if step % 2 else "door"))
    assert presences(ears.take()) == [("ON", "door")]
    for _ in range(3):
        ears.now_s += 1
        ears.home.update(seen(as_("Ada"), camera="hall"))
    assert presences(ears.take()) == [("ON", "hall")]


def remembered(name: str, presence: str, at: str = "2026-11-01T10:00:00.000+00:00") -> bytes:
    return json.dumps({"name": name, "presence": presence, "camera": "door", "at": at}).encode()


def test_people_of_an_earlier_run_are_known_and_absent_unless_seen_soon() -> None:
    ears = Ears()
    bob, eve = (TOPICS.person(key_of(name)) for name in ("Bob", "Eve"))
    for name, presence in (("Ada", "ON"), ("Bob", "ON"), ("Eve", "OFF")):
        ears.home.remember_person(key_of(name), remembered(name, presence, datetime.now(UTC).isoformat()))
    described = [one for one in ears.take() if one.topic == NODE.config_topic]
    assert {f"person.{key_of(name)}" for name in ("Ada", "Bob", "Eve")} <= components(described[-1]).keys()
    ears.now_s += 1.5
    ears.home.update(seen(as_("Ada")))
    ears.now_s += 1.5
    ears.home.tick()
    said = ears.take()
    assert (presences(said), presences(said, bob), presences(said, eve)) == ([], [("OFF", "door")], [])
    ears.home.say_everything()
    said = ears.take()
    again = [presences(said, topic) for topic in (ADA, bob, eve)]
    assert again == [[("ON", "door")], [("OFF", "door")], [("OFF", "door")]]


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        remembered("Bob", "ON"),
        remembered("Ada", "PERHAPS"),
        remembered("Ada", "ON", "yesterday"),
        remembered("Ada", "ON", "2026-11-01T10:00:00"),
        remembered("Ada", "ON").replace(b'"door"', b'"+"'),
    ],
)
def test_what_is_no_state_of_this_person_is_not_remembered(payload: bytes) -> None:
    ears = Ears()
    ears.home.remember_person(key_of("Ada"), payload)
    assert ears.take() == []


def test_who_was_not_seen_for_too_long_is_removed_and_their_topic_erased() -> None:
    ears = Ears()
    long_ago = datetime.now(UTC) - timedelta(days=3651)
    ears.home.remember_person(key_of("Ada"), remembered("Ada", "OFF", long_ago.isoformat()))
    ears.take()
    ears.home.tick()
    removing, remaining, erased = ears.take()
    assert components(removing)[f"person.{key_of('Ada')}"] == {"p": "binary_sensor"}
    assert f"person.{key_of('Ada')}" not in components(remaining)
    assert (erased.topic, erased.payload, erased.retain) == (ADA, b"", True)


def test_who_is_seen_is_not_removed_though_a_cameras_clock_is_years_behind() -> None:
    ears = Ears()
    ears.home.update(replace(seen(as_("Ada")), captured_ns=1))
    ears.take()
    ears.home.tick()
    assert ears.take() == []
    # Nor is somebody who was seen just now, by the clock that is not set.
    ears.now_s += 3
    ears.home.tick()
    assert presences(ears.take()) == [("OFF", "door")]
    ears.now_s += 3651 * 86_400
    ears.home.tick()
    assert components(ears.take()[-2]).keys().isdisjoint({f"person.{key_of('Ada')}"})


def test_an_owner_removes_a_person_by_erasing_their_topic() -> None:
    ears = Ears()
    ears.home.update(seen(as_("Ada")))
    ears.take()
    ears.home.remember_person(key_of("Ada"), b"")
    assert components(ears.take()[0])[f"person.{key_of('Ada')}"] == {"p": "binary_sensor"}
    ears.home.remember_person(key_of("Ada"), b"")
    assert ears.take() == []


def test_erasing_somebody_who_stands_there_does_not_go_round_for_ever() -> None:
    ears = Ears()
    echoes = [Publication(ADA, b"", retain=True)]
    for _ in range(5):
        ears.now_s += 0.1
        ears.home.update(seen(as_("Ada")))
        # What we publish there, we hear.
        for echo in echoes:
            ears.home.remember_person(key_of("Ada"), echo.payload)
        echoes = [one for one in ears.take() if one.topic == ADA and not one.payload]
    assert echoes == []
    ears.home.say_everything()
    assert presences(ears.take()) == [("ON", "door")]


def test_people_whose_names_look_alike_are_told_apart() -> None:
    ears = Ears()
    names = ("Zoe", "Zoë", "ZOE", "zoe!", "李", "+/#", "\n", "a" * 128, "a" * 127 + "b")
    ears.home.update(seen(*(as_(name, number) for number, name in enumerate(names, 1))))
    ears.home.say_everything()
    said = [one for one in ears.take() if one.topic.startswith(TOPICS.person(""))]
    topics = {one.topic for one in said}
    # Case alone tells nobody apart, and a line feed is nobody.
    assert len(topics) == len(names) - 2
    assert all(re.fullmatch(r"[a-z0-9_]{1,32}-[0-9a-f]{10}", topic.rpartition("/")[2]) for topic in topics)


def test_people_without_end_do_not_fill_the_home() -> None:
    ears = Ears()
    for number in range(MOST_PEOPLE + 5):
        ears.home.update(seen(as_(f"Ada {number}")))
    ears.take()
    ears.home.say_everything()
    assert sum(one.topic.startswith(TOPICS.person("")) for one in ears.take()) == MOST_PEOPLE
