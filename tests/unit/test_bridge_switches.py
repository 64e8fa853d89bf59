"""What the home may switch: what a command writes, what is refused, and that what is said follows the store alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.commands import FRESH_S, MOST_WAITING, Asked, Commands
from iot_bridge.switches import Choices, Command, RefusedError, states, understood
from iot_bridge.topics import Publication

from facewire.controls import Controls, parse
from facewire.health import Health
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.unit.ears import Ears, components, seen
from tests.unit.home import NODE, TOPICS
from tests.unit.messages import cameras

CHOICES = Choices(frozenset({"door"}), ("ncnn", "tvm"), 15)


@pytest.mark.parametrize(
    ("camera", "name", "payload", "field", "value"),
    [
        ("door", "privacy", b"ON", "privacy:door", "on"),
        ("door", "privacy", b"OFF", "privacy:door", None),
        ("door", "detection", b"OFF", "detection:door", "off"),
        ("door", "detection", b"ON", "detection:door", None),
        ("", "recognition", b"OFF", "recognition", "off"),
        ("", "recognition", b"ON", "recognition", None),
        ("", "detect_every", b"7", "detect_every", "7"),
        ("", "detect_every", b"7.0", "detect_every", "7"),
        ("", "detect_every", b"0", "detect_every", None),
        ("", "backend", b"ncnn", "backend", "ncnn"),
        ("", "backend", b"auto", "backend", None),
    ],
)
def test_a_command_writes_its_field_or_takes_it_away(
    camera: str, name: str, payload: bytes, field: str, value: str | None
) -> None:
    assert understood(camera, name, payload, CHOICES) == Command(field, value)


@pytest.mark.parametrize(
    ("camera", "name", "payload", "reason"),
    [
        ("hall", "privacy", b"ON", "unknown_camera"),
        ("+", "privacy", b"ON", "unknown_camera"),
        *(("door", "privacy", payload, "bad_value") for payload in (b"", b"on", b"ON ", b"1", b"\xff", b"ON" * 40)),
        *(("", "recognition", payload, "bad_value") for payload in (b"", b"true")),
        *(
            ("", "detect_every", each, "bad_value")
            for each in (b"", b"-1", b"16", b"1e1", b"3.5", b"\xd9\xa3", b"9" * 64)
        ),
        *(("", "backend", payload, "bad_value") for payload in (b"", b"edgetpu", b"AUTO")),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(camera: str, name: str, payload: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        understood(camera, name, payload, CHOICES)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("camera", "name"), [("door", "zone"), ("", "door"), ("door", "recognition"), ("", "privacy")])
def test_what_is_no_switch_is_passed_over(camera: str, name: str) -> None:
    assert understood(camera, name, b"ON", CHOICES) is None


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=8)))
def test_whatever_the_store_holds_is_understood(fields: dict[str, str]) -> None:
    controls = parse(fields)
    assert controls.detect_every is None or 1 <= controls.detect_every <= 300


@given(st.sets(cameras, max_size=3), st.data())
def test_what_is_said_is_what_the_commands_wrote(names: set[str], data: st.DataObject) -> None:
    choices, fields = Choices(frozenset(names), ("ncnn", "tvm"), 300), {}
    values = {"detect_every": st.integers(0, 300).map(str), "backend": st.sampled_from(("auto", "ncnn", "tvm"))}
    for topic in states(Controls(), frozenset(names), TOPICS):
        payload = data.draw(values.get(topic.rpartition("/")[2], st.sampled_from(("ON", "OFF"))))
        camera, name = TOPICS.command_of(f"{topic}/set") or ("", "")
        command = understood(camera, name, payload.encode(), choices)
        assert command is not None
        fields[topic] = payload, command
    stored = {command.field: command.value for _, command in fields.values() if command.value is not None}
    said = states(parse(stored), frozenset(names), TOPICS)
    assert said == {topic: payload for topic, (payload, _) in fields.items()}


def test_privacy_is_on_unless_the_store_clearly_says_off() -> None:
    assert parse({"privacy:door": "off"}).private == frozenset()
    for rotten in ("on", "", "OFF", "0", "\ufffd"):
        assert parse({"privacy:door": rotten}).private == {"door"}
    assert parse({"privacy:Door": "on", "privacy:": "on", "privacy": "on"}).private == frozenset()


# ---- commands as they come


@pytest.fixture
def commands(metrics: Metrics) -> Commands:
    """Commands of a node."""
    return Commands(TOPICS, metrics, open_log("test"))


def refused(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("facewire_test_rejected_total", {"reason": reason}) or 0.0


def test_a_command_that_the_broker_had_kept_is_not_obeyed(commands: Commands, metrics: Metrics) -> None:
    commands.hear("facewire/door-pi/door/privacy/set", b"OFF", kept=True)
    assert commands.next(0) is None
    assert refused(metrics, "retained_command") == 1
    commands.hear("facewire/door-pi/door/privacy/set", b"OFF", kept=False)
    asked = commands.next(0)
    assert asked is not None
    assert (asked.camera, asked.name, asked.payload) == ("door", "privacy", b"OFF")


@pytest.mark.parametrize("topic", ["facewire/door-pi/door/privacy", "facewire/door-pi/a/b/c/set", "facewire/other/set"])
def test_what_is_no_command_is_not_kept(commands: Commands, topic: str) -> None:
    commands.hear(topic, b"ON", kept=False)
    assert commands.next(0) is None


def test_a_flood_of_commands_is_cut_off_and_counted(commands: Commands, metrics: Metrics) -> None:
    for _ in range(MOST_WAITING + 10):
        commands.hear("facewire/door-pi/recognition/set", b"ON", kept=False)
    assert refused(metrics, "too_many_commands") == 10


def test_a_refused_command_is_counted_by_its_reason(commands: Commands, metrics: Metrics) -> None:
    now_s = time.monotonic()
    assert commands.understood(Asked("hall", "privacy", b"ON", now_s), CHOICES) is None
    assert commands.understood(Asked("", "backend", b"x", now_s), CHOICES) is None
    assert commands.understood(Asked("door", "zone", b"x", now_s), CHOICES) is None
    assert (refused(metrics, "unknown_camera"), refused(metrics, "bad_value")) == (1, 1)


def test_a_command_that_had_to_wait_long_is_not_obeyed_any_more(metrics: Metrics) -> None:
    now_s = 100.0
    commands = Commands(TOPICS, metrics, open_log("test"), lambda: now_s)
    for _ in range(2):
        commands.hear("facewire/door-pi/door/privacy/set", b"OFF", kept=False)
    now_s += 1
    first, second = commands.next(0), commands.next(0)
    assert first is not None
    assert second is not None
    assert commands.understood(first, CHOICES) == Command("privacy:door", None)
    now_s += FRESH_S
    assert commands.understood(second, CHOICES) is None
    assert refused(metrics, "late_command") == 1


# ---- what is said of them


def switched(publications: list[Publication]) -> dict[str, str]:
    names = ("detection", "privacy", "recognition", "detect_every", "backend")
    return {
        one.topic.removeprefix("facewire/door-pi/"): one.payload.decode()
        for one in publications
        if one.topic.rpartition("/")[2] in names
    }


def test_nothing_is_said_of_switches_until_the_store_says_it_and_then_only_what_changes() -> None:
    ears = Ears()
    ears.home.update(seen())
    ears.home.say_everything()
    assert switched(ears.take()) == {}
    ears.home.obey(Controls())
    assert switched(ears.take()) == {
        "door/detection": "ON",
        "door/privacy": "OFF",
        "recognition": "ON",
        "detect_every": "0",
        "backend": "auto",
    }
    ears.home.obey(Controls())
    assert switched(ears.take()) == {}
    ears.home.obey(Controls(private=frozenset({"door"}), detect_every=4, backend="ncnn"))
    assert switched(ears.take()) == {"door/privacy": "ON", "detect_every": "4", "backend": "ncnn"}
    ears.home.update(seen(camera="hall"))
    assert switched(ears.take()) == {"hall/detection": "ON", "hall/privacy": "OFF"}
    ears.home.say_everything()
    assert len(switched(ears.take())) == 7


def test_backends_can_be_chosen_once_the_detector_says_which_work() -> None:
    ears = Ears()
    detector = Health("detector", "1", 0.0, healthy=True, notes={"usable": "tvm ncnn onnxruntime"})
    for _ in range(2):
        ears.home.fare([detector])
    described = [one for one in ears.take() if one.topic == NODE.config_topic]
    assert [components(one)["backend_choice"]["ops"] for one in described] == [["auto", "ncnn", "onnxruntime", "tvm"]]
    ears.home.fare([])
    assert [one.topic for one in ears.take()] == [TOPICS.health]
    assert ears.home.choices.backends == ("ncnn", "onnxruntime", "tvm")
