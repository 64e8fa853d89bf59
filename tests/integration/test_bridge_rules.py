"""Rules as the bridge carries them out: with a real broker and real Redis servers."""

import json
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from facewire import keys
from tests.integration.bridge import BASE, Store, bridging, broker_pid, holds, listening, metrics
from tests.integration.rules import HEAD, LAMP, OFF, ON, acknowledged, happens, on, rule
from tests.servers import free_port, mosquitto, wait_for


def goes_off_s(store: Store) -> float:
    """Return the unix second at which the one light goes off."""
    ((_, at_s),) = store.client.zrange(keys.LIGHTS_OFF, 0, -1, withscores=True)
    return float(at_s)


def test_a_rule_turns_a_light_on_and_off_again_and_publishes(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    say = 'publish: {topic: home/door, payload: "{event} at {camera}"}'
    rules.write_text(HEAD + rule("light", on(4)) + rule("say", say), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        happened = happens(store, 1)
        home.wait("home/door", b"appeared at door")
        home.wait(LAMP, ON)
        wait_for(lambda: home.event_ids() == [happened.id], "the event")
        first_s = goes_off_s(store)
        # Its time counts from the last time it was turned on.
        happens(store, 2)
        wait_for(lambda: len(home.payloads(LAMP)) == 2, what="the second ON")
        until_s = goes_off_s(store)
        assert first_s < until_s <= time.time() + 4
        home.wait(LAMP, OFF)
        assert time.time() >= until_s
        assert home.payloads(LAMP) == [ON, ON, OFF]
        assert holds(lambda: len(home.payloads(LAMP)) == 3, 1.5), "off is said once"
        assert not any(message.retain for message in home.got if message.topic in (LAMP, "home/door"))
        wait_for(lambda: store.client.zcard(keys.LIGHTS_OFF) == 0, "it to be forgotten")


def test_a_light_goes_off_although_the_bridge_was_killed_and_its_rule_is_gone(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    rules.write_text(HEAD + rule("light", on(2)), encoding="utf-8")
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            bridge.wait_until_healthy()
            happens(store, 1)
            home.wait(LAMP, ON)
            bridge.kill()
        rules.write_text("", encoding="utf-8")
        (tmp_path / "run" / "iot-bridge.json").unlink()
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)):
            home.wait(LAMP, OFF)
            assert home.payloads(LAMP)[-1] == OFF
            assert home.payloads(LAMP).count(OFF) == 1


def test_after_a_broker_was_away_lights_go_off_and_none_goes_on_for_what_was_long_ago(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, rules: Path
) -> None:
    rules.write_text(
        HEAD + rule("light", on(4)) + rule("say", "publish: {topic: home/door, payload: '{id}'}"), encoding="utf-8"
    )
    port, metrics_port = free_port(), free_port()
    told = {"RULES_FILE": str(rules), "METRICS_PORT": str(metrics_port)}
    with ExitStack() as first, bridging(tmp_path, bus_url, store_url, port, **told) as bridge:
        first.enter_context(mosquitto(tmp_path, port=port))
        bridge.wait_until_healthy()
        with listening(port, "early") as home:
            happens(store, 1)
            home.wait(LAMP, ON)
        first.close()
        wait_for(lambda: not bridge.healthy(), "the loss to be noticed")
        waited = [happens(store, 2), happens(store, 3, age_s=600)]
        # Longer than the light would be on.
        time.sleep(4.5)
        with ExitStack() as there:
            # Else it might send events before anybody listens.
            with bridge.held():
                there.enter_context(mosquitto(tmp_path, port=port))
                home = there.enter_context(listening(port, "late"))
            wait_for(lambda: set(home.event_ids()) >= {each.id for each in waited}, "the events")
            home.wait(LAMP, OFF)
            # The event of ten minutes ago is published for the record, and no rule acts on it.
            home.wait("home/door", waited[0].id.encode())
            assert home.payloads("home/door") == [waited[0].id.encode()]
            assert ON not in home.payloads(LAMP)
            assert home.payloads(LAMP).count(OFF) == 1
            assert 'dropped_total{reason="late_light"} 2.0' in metrics(metrics_port)
            assert 'dropped_total{reason="late_publish"} 1.0' in metrics(metrics_port)
            bridge.stop()


def test_an_event_and_what_its_rules_say_are_acknowledged_together(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    rules.write_text(HEAD + rule("light", on(600)), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        pid = broker_pid(tmp_path / "mqtt")
        os.kill(pid, signal.SIGSTOP)
        try:
            happens(store, 1)
            wait_for(lambda: store.client.zcard(keys.LIGHTS_OFF) == 1, what="the light's end to be kept")
            assert holds(lambda: store.pending() == 1, 1)
        finally:
            os.kill(pid, signal.SIGCONT)
        home.wait(LAMP, ON)
        wait_for(lambda: acknowledged(store, "iot-bridge"), what="the acknowledgement")


def test_a_sensor_in_the_dark_lets_a_rule_apply(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    dark = "illuminance: {topic: home/sensor, field: lux, below_lux: 10, when_unknown: no}"
    text = HEAD + rule("dark", "publish: {topic: home/dark, payload: '{id}'}", f"appeared, {dark}")
    rules.write_text(text, encoding="utf-8")
    with listening(broker_port) as home:
        # Nobody knows how old this is.
        home._client.publish("home/sensor", b'{"lux": 1}', qos=1, retain=True)
        home.wait("home/sensor", b'{"lux": 1}')
        with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge:
            bridge.wait_until_healthy()
            dark_events = []
            for number, lux in enumerate((None, 50, 5, 60), start=1):
                if lux is not None:
                    home.publish("home/sensor", json.dumps({"lux": lux}).encode())
                    # What is sent to the bridge it takes in order.
                    for payload in (b"OFF", b"ON"):
                        home.publish(f"{BASE}/recognition/set", payload)
                        home.wait(f"{BASE}/recognition", payload)
                happened = happens(store, number)
                wait_for(lambda number=number: len(home.event_ids()) == number, what="the event")  # type: ignore[misc]
                dark_events += [happened.id.encode()] if lux == 5 else []
            assert home.payloads("home/dark") == dark_events
