"""When a rule applies: who, where and when, over midnight and on the days on which clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.rules.matching import WEEK, Moment, applies, in_time, matching
from iot_bridge.rules.model import Illuminance, Place, Rule, Rulebook, Speak, When
from iot_bridge.rules.senses import Senses, illuminance, local_time, sun_is_up

from facewire.messages import Person
from tests.unit.messages import CROSSED, ENTERED, EVENT, LEFT_ZONE

BERLIN = ZoneInfo("Europe/Berlin")
NOW = Moment(datetime(2026, 11, 27, 20, 0, tzinfo=BERLIN))
ADA = Person("Ada", 0.75)
IDENTIFIED = replace(EVENT, type="identified", identity=ADA, snapshot=None)
SENSOR = Illuminance("home/lux", "lux", below_lux=10)


def asks(event: str, **more: Any) -> When:
    return When((event,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "event", "wanted"),
    [
        (asks("appeared"), EVENT, True),
        (asks("left"), EVENT, False),
        (When(("left", "appeared")), EVENT, True),
        (asks("appeared", cameras=("hall", "door")), EVENT, True),
        (asks("appeared", cameras=("hall",)), EVENT, False),
        (asks("appeared", people=("nobody",)), EVENT, True),
        (asks("appeared", people=("anyone",)), EVENT, False),
        (asks("appeared", people=("Ada",)), EVENT, False),
        (asks("identified", people=("anyone",)), IDENTIFIED, True),
        (asks("identified", people=("Bob", "Ada")), IDENTIFIED, True),
        (asks("identified", people=("ada",)), IDENTIFIED, True),
        (asks("identified", people=("\u0410da",)), IDENTIFIED, False),
        (asks("identified", people=("Zo\u00eb",)), replace(IDENTIFIED, identity=Person("Zoe\u0308", 0.9)), True),
        (asks("identified", people=("Nobody",)), replace(IDENTIFIED, identity=Person("NOBODY", 0.9)), True),
        (asks("identified", people=("nobody",)), IDENTIFIED, False),
        (asks("identified", people=("nobody",)), replace(IDENTIFIED, identity=Person("nobody", 0.9)), False),
        (asks("appeared", zones=("porch",)), EVENT, False),
        (asks("appeared", zones=("porch",)), replace(EVENT, zones=("steps", "porch")), True),
        (asks("entered", zones=("porch",)), ENTERED, True),
        (asks("entered", zones=("steps",)), replace(ENTERED, zones=("steps",)), False),
        (asks("left_zone", dwelt_s=2.5), LEFT_ZONE, True),
        (asks("left_zone", dwelt_s=2.6), LEFT_ZONE, False),
        (asks("crossed", lines=("sill",), directions=("in",)), CROSSED, True),
        (asks("crossed", directions=("out",)), CROSSED, False),
        (asks("crossed", lines=("gate",)), CROSSED, False),
    ],
)
def test_what_is_asked_of_the_event_decides(when: When, event: Any, wanted: bool) -> None:  # noqa: FBT001
    assert applies(when, event, NOW) is wanted


def test_rules_that_apply_come_in_the_order_of_the_file() -> None:
    rules = tuple(
        Rule(name, asks(event), (Speak(),)) for name, event in (("b", "appeared"), ("x", "left"), ("a", "appeared"))
    )
    assert [rule.name for rule in matching(Rulebook(rules), EVENT, NOW)] == ["b", "a"]


# ---- windows


def slowly_in_time(start: time, end: time, days: tuple[str, ...], local: datetime) -> bool:
    """Lay out each window of the days around and look whether the time is in one; by what clocks on the wall show."""
    wall = local.replace(tzinfo=None, fold=0)
    for before in (0, 1):
        day = wall.date() - timedelta(days=before)
        first = datetime.combine(day, start)
        last = datetime.combine(day + timedelta(days=int(end < start)), end)
        if first <= wall < last and (not days or WEEK[day.weekday()] in days):
            return True
    return False


times = st.times().map(lambda each: each.replace(second=0, microsecond=0, fold=0))


def between(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    return st.integers(int(first.timestamp()), int(last.timestamp())).map(lambda at: datetime.fromtimestamp(at, UTC))


# The days on which Berlin's clocks change, and any others.
instants = st.one_of(
    between(datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 8, tzinfo=UTC)),
    between(datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),
    between(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)),
)


@given(
    times,
    times,
    st.lists(st.sampled_from(WEEK), unique=True).map(tuple),
    instants,
    st.sampled_from([BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_a_window_is_what_a_slow_reference_says(
    start: time, end: time, days: tuple[Any, ...], at: datetime, zone: ZoneInfo
) -> None:
    if start == end:
        return
    when = asks("left", between=(start, end), days=days)
    local = at.astimezone(zone)
    assert in_time(when, local) == slowly_in_time(start, end, days, local)


def berlin(day: str, clock: str, fold: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), BERLIN).replace(fold=fold)


@pytest.mark.parametrize(
    ("local", "wanted"),
    [
        # 2026-11-27 is a Friday.
        (berlin("2026-11-27", "17:59"), False),
        (berlin("2026-11-27", "18:00"), True),
        (berlin("2026-11-28", "00:00"), True),
        (berlin("2026-11-28", "06:59"), True),
        (berlin("2026-11-28", "07:00"), False),
        (berlin("2026-11-28", "18:00"), False),
        (berlin("2026-11-27", "06:59"), False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_began(local: datetime, wanted: bool) -> None:  # noqa: FBT001
    assert in_time(asks("left", between=(time(18), time(7)), days=("fri",)), local) is wanted


def test_a_window_holds_in_the_hour_that_comes_twice_and_around_the_one_that_does_not_come() -> None:
    window = asks("left", between=(time(2, 15), time(2, 45)))
    twice = [berlin("2026-10-25", "02:30", fold) for fold in (0, 1)]
    assert twice[0].utcoffset() != twice[1].utcoffset()
    assert all(in_time(window, local) for local in twice)
    # At 2:00 it is 3:00 at once.
    instants_of_spring = [datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]
    assert [local_time(int(at.timestamp() * 1e9), BERLIN).time() for at in instants_of_spring] == [time(1, 59), time(3)]
    assert in_time(asks("left", between=(time(2, 30), time(4))), instants_of_spring[1].astimezone(BERLIN))


def test_days_alone_are_those_of_the_calendar() -> None:
    assert in_time(asks("left", days=("fri",)), berlin("2026-11-27", "00:00"))
    assert not in_time(asks("left", days=("fri",)), berlin("2026-11-28", "00:00"))


# ---- sun and light


@pytest.mark.parametrize(
    ("place", "at", "wanted"),
    [
        # Sunrise and sunset in Greenwich on 2026-03-20, by the Nautical Almanac's tables: 6:03 and 18:14, ± 2 minutes.
        (Place(51.48, 0), datetime(2026, 3, 20, 6, 0, tzinfo=UTC), False),
        (Place(51.48, 0), datetime(2026, 3, 20, 6, 7, tzinfo=UTC), True),
        (Place(51.48, 0), datetime(2026, 3, 20, 18, 11, tzinfo=UTC), True),
        (Place(51.48, 0), datetime(2026, 3, 20, 18, 18, tzinfo=UTC), False),
        # Beyond the polar circles: midnight sun, and night at noon.
        (Place(78.2, 15.6), datetime(2026, 6, 21, 23, 0, tzinfo=UTC), True),
        (Place(78.2, 15.6), datetime(2026, 12, 21, 11, 0, tzinfo=UTC), False),
        (Place(-90, 0), datetime(2026, 12, 21, 11, 0, tzinfo=UTC), True),
        (Place(90, 180), datetime(2026, 12, 21, 11, 0, tzinfo=UTC), False),
    ],
)
def test_the_sun_is_up_between_sunrise_and_sunset(place: Place, at: datetime, wanted: bool) -> None:  # noqa: FBT001
    assert sun_is_up(place, int(at.timestamp() * 1e9)) is wanted


@pytest.mark.parametrize("sun_up", [True, False, None])
@pytest.mark.parametrize("wanted", ["up", "down"])
def test_a_rule_about_the_sun_needs_to_know(wanted: str, sun_up: bool | None) -> None:  # noqa: FBT001
    expected = sun_up is not None and sun_up == (wanted == "up")
    assert applies(asks("appeared", sun=wanted), EVENT, replace(NOW, sun_up=sun_up)) is expected


def test_it_is_dark_enough_below_and_where_nobody_knows_as_the_rule_says() -> None:
    when = asks("appeared", illuminance=SENSOR)
    assert applies(when, EVENT, replace(NOW, lux={SENSOR: 9.9}))
    assert not applies(when, EVENT, replace(NOW, lux={SENSOR: 10.0}))
    assert applies(when, EVENT, NOW)
    assert not applies(asks("appeared", illuminance=replace(SENSOR, when_unknown=False)), EVENT, NOW)


@pytest.mark.parametrize(
    ("payload", "field", "lux"),
    [
        (b"12.5", "", 12.5),
        (b'{"lux": 3}', "lux", 3.0),
        (b'{"lux": "3"}', "lux", None),
        (b'{"lux": true}', "lux", None),
        (b'{"lux": NaN}', "lux", None),
        (b'{"other": 3}', "lux", None),
        (b"[3]", "lux", None),
        (b"dark", "", None),
        (b"\xff", "", None),
        (b"[" * 10_000, "", None),
    ],
)
def test_what_a_sensor_says_is_a_number_or_nothing(payload: bytes, field: str, lux: float | None) -> None:
    assert illuminance(payload, field) == lux


def test_a_sensor_is_believed_for_an_hour() -> None:
    now = [0.0]
    senses = Senses(BERLIN, lambda: now[0])
    book = Rulebook((Rule("x", asks("appeared", illuminance=SENSOR, sun="up"), (Speak(),)),), place=Place(52.5, 13.4))
    assert senses.moment(EVENT, book).lux == {}
    senses.hear("home/lux", b'{"lux": 4}')
    senses.hear("home/other", b'{"lux": 5}')
    senses.hear("home/lux", b"x" * 20_000)
    now[0] = 3600
    moment = senses.moment(EVENT, book)
    assert moment.lux == {SENSOR: 4.0}
    # 2023-11-14 22:13:20 UTC.
    assert moment.local is not None
    assert (moment.local.isoformat(timespec="seconds"), moment.sun_up) == ("2023-11-14T23:13:20+01:00", False)
    now[0] = 3601
    assert senses.moment(EVENT, book).lux == {}
