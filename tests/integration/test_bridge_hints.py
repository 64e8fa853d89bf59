"""A wrong TZ and other spellings of names, with a real bridge and broker."""

import json
from pathlib import Path
from typing import Any

from facewire.messages import Person
from tests.integration.bridge import BASE, CONFIG, Listener, Room, Store, bridging, holds, listening
from tests.integration.rules import bridge_log, happens, rule
from tests.servers import wait_for

ZOE, DECOMPOSED = "Zo\u00eb", "Zoe\u0308"


def say(topic: str) -> str:
    return f"publish: {{topic: home/{topic}, payload: '{{id}}'}}"


def people(home: Listener) -> set[str]:
    return {message.topic for message in list(home.got) if message.topic.startswith(f"{BASE}/people/")}


def test_a_wrong_zone_stops_only_rules_with_times(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    timed = rule("at night", say("timed"), "appeared, days: [mon, tue, wed, thu, fri, sat, sun]")
    lock = "locks:\n  front: {topic: home/lock, unlock: {people: anna, cameras: door}}\n"
    rules.write_text(lock + "rules:\n" + timed + rule("any time", say("free")), encoding="utf-8")
    told = {"RULES_FILE": str(rules), "TZ": "Mars/Olympus"}
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
        bridge.wait_until_healthy()
        wait_for(lambda: bool(home.latest(CONFIG)), "Home Assistant's discovery")
        home.wait(f"{BASE}/lock/front/unlocking", b"OFF")
        happened = happens(store, 1)
        home.wait("home/free", happened.id.encode())
        assert home.payloads("home/timed") == []

        def notes() -> Any:
            return json.loads(home.latest(f"{BASE}/health") or b"{}").get("services", {}).get("iot-bridge", {})

        wait_for(lambda: "time zone" in notes(), "the note")
        assert notes()["time zone"].startswith("TZ: 'Mars/Olympus' is no time zone")
        assert notes()["time zone"].endswith("off until then: at night")
    assert "'Mars/Olympus' is no time zone" in bridge_log(tmp_path)


def test_a_name_is_one_person_however_it_is_spelt(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, room: Room, rules: Path
) -> None:
    def named(spelling: str, topic: str) -> str:
        return rule(topic, say(topic), f'identified, person: "{spelling}"')

    text = (
        named(ZOE, "composed")
        + named("zoe\u0308 ", "other")
        + named("Zoe", "plain")
        + named("Zo\u00eb\u200d", "joiner")
    )
    rules.write_text("rules:\n" + text, encoding="utf-8")
    with (
        listening(broker_port) as home,
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
    ):
        bridge.wait_until_healthy()
        ids = []
        for number, name in enumerate((DECOMPOSED, " zo\u00eb\ufeff"), start=1):
            person = Person(name, 0.8)
            room.faces, room.who = 1, person
            happened = happens(store, number, type="identified", identity=person, snapshot=None)
            ids.append(happened.id.encode())
            wait_for(lambda happened=happened: happened.id in home.event_ids(), "the event")  # type: ignore[misc]
            wait_for(lambda: bool(people(home)), "the person")
            assert holds(lambda: len(people(home)) == 1, 0.5)
        for topic in ("composed", "other", "joiner"):
            wait_for(lambda topic=topic: home.payloads(f"home/{topic}") == ids, topic)  # type: ignore[misc]
        assert home.payloads("home/plain") == []
        (topic,) = people(home)
        assert json.loads(home.latest(topic))["name"] == ZOE
        hint = f"rules name 'Zoe', never seen; nearest known: '{ZOE}'"
        wait_for(lambda: hint in bridge_log(tmp_path), "the hint")
