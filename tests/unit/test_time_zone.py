"""The setting TZ: many spellings are understood, and a wrong one stops the rules with times alone."""

from datetime import UTC, datetime, time

import pytest
from iot_bridge.rules.hints import unseen_names, zone_hint
from iot_bridge.rules.matching import Moment, applies, in_time
from iot_bridge.rules.model import Greeting, Rule, Rulebook, Speak, When
from iot_bridge.rules.senses import Senses
from iot_bridge.time_zone import read_zone

from tests.unit.messages import EVENT


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("US/Eastern", "US/Eastern"),
        ("Europe/Kiev", "Europe/Kiev"),
        ("GB", "GB"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        ("'Asia/Calcutta'", "Asia/Calcutta"),
        (" Europe/Berlin\t", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("America/New York", "America/New_York"),
        (":Europe/Berlin", "Europe/Berlin"),
        (":/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("EST5EDT", "EST5EDT"),
    ],
)
def test_a_zone_is_found_however_it_is_written(text: str, key: str) -> None:
    found = read_zone(text)
    assert found.zone is not None
    assert (found.zone.key, found.problem) == (key, "")


@pytest.mark.parametrize("text", ["", " ", '""', ":"])
def test_no_zone_is_this_hosts_own(text: str) -> None:
    assert (read_zone(text).zone, read_zone(text).problem) == (None, "")


@pytest.mark.parametrize(
    "text",
    [
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe",
        "tzdata.zi",
        "+02:00",
        "Berlin\x00",
        "x" * 5000,
        "\udcff",
    ],
)
def test_a_wrong_zone_is_a_problem_in_one_line(text: str) -> None:
    found = read_zone(text)
    assert found.zone is None
    assert found.problem.startswith("TZ: ")
    assert "\n" not in found.problem
    assert len(found.problem) < 150


def test_what_may_be_a_secret_is_not_repeated() -> None:
    assert "s3cr3t" not in read_zone("pa$$ s3cr3t@").problem
    assert "did you mean Europe/Berlin?" in read_zone("Europe/Berln").problem


def test_without_a_zone_only_rules_with_times_do_not_apply() -> None:
    moment = Senses(None, zone_known=False).moment(EVENT, Rulebook())
    assert moment.local is None
    for when, wanted in (
        (When(("appeared",)), True),
        (When(("appeared",), between=(time(0), time(23, 59))), False),
        (When(("appeared",), days=("mon", "tue", "wed", "thu", "fri", "sat", "sun")), False),
    ):
        assert applies(when, EVENT, moment) is wanted
    timed = [Rule(f"r{n}", When(("left",), days=("mon",)), (Speak(),)) for n in range(7)]
    hint = zone_hint(Rulebook((*timed, Rule("free", When(("left",)), (Speak(),)))), "TZ: wrong")
    assert hint == "TZ: wrong; off until then: r0, r1, r2, r3, r4 and 2 more"
    assert zone_hint(Rulebook(tuple(timed)), "") == ""


@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        # In Berlin 02:00 to 03:00 is left out on March 29, and comes twice on October 25.
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 24, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ],
)
def test_a_window_in_the_hour_that_is_left_out_or_comes_twice(utc: datetime, *, inside: bool) -> None:
    when = When(("left",), between=(time(2, 0), time(3, 0)))
    assert in_time(when, utc.astimezone(read_zone("europe/berlin").zone)) is inside


def test_a_window_over_midnight_holds_on_the_night_of_a_change() -> None:
    when = When(("left",), between=(time(22, 0), time(2, 30)), days=("sat",))
    zone = read_zone("Europe/Berlin").zone
    for utc, inside in (
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 1, 29, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 1, 31, tzinfo=UTC), False),
    ):
        assert in_time(when, utc.astimezone(zone)) is inside


def test_names_that_nobody_has_are_told_with_the_nearest() -> None:
    rules = tuple(
        Rule(name, When(("identified",), people=(name,)), (Speak(),)) for name in ("Zoe", "ANNA", "anyone", "Xavier")
    )
    book = Rulebook(rules, greeting=Greeting(people={"zoe": "Hi", "Anna ": "Hi"}))
    assert list(unseen_names(book, ())) == []
    assert list(unseen_names(book, ("Anna", "Zo\u00eb"))) == [
        "rules name 'Zoe', never seen; nearest known: 'Zoë'",
        "rules name 'Xavier', never seen",
    ]
    assert Moment(None).sun_up is None
