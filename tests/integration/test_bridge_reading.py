"""The bridge reads its rules at the start, while it runs, and when somebody has them checked."""

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.bridge import BASE, Running, Store, bridging, listening
from tests.integration.rules import HEAD, bridge_log, happens, on, rule
from tests.places import ROOT
from tests.processes import environment, refused
from tests.servers import HUNG_S, wait_for


def test_rules_are_read_again_while_it_runs_and_a_mistake_changes_nothing(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: Path
) -> None:
    say = "publish: {topic: home/{}, payload: x}"
    rules.write_text("rules:\n" + rule("a", say.replace("{}", "a")), encoding="utf-8")
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=str(rules)) as bridge,
        listening(broker_port) as home,
    ):
        bridge.wait_until_healthy()
        new = rules.with_suffix(".new")
        new.write_text("rules:\n" + rule("b", say.replace("{}", "b")), encoding="utf-8")
        new.replace(rules)
        wait_for(lambda: "rule b new, rule a gone" in bridge_log(tmp_path), "the new rules")
        rules.write_text(rules.read_text(encoding="utf-8").replace("publish", "polish"), encoding="utf-8")
        wait_for(lambda: f"{rules}:5:9: expected one of light" in _note(bridge), "the mistake to be shown")
        happens(store, 1)
        home.wait("home/b", b"x")
        assert home.payloads("home/a") == []
        assert bridge_log(tmp_path).count("what was good stays") == 1
        topic = f"{BASE}/health"
        wait_for(lambda: "expected one of light" in home.latest(topic).decode(), "the mistake in the home")
        assert bridge.healthy()


def test_rules_follow_the_zones_that_they_name(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, rules: Path
) -> None:
    marked, corners = tmp_path / "cameras.yaml", "[[0, 0], [1, 0], [1, 1]]"
    porch = f"cameras: {{door: {{zones: [{{name: porch, polygon: {corners}}}]}}}}\n"
    marked.write_text(porch, encoding="utf-8")
    rules.write_text(
        "rules:\n  - {name: a, when: {event: left, zone: porch}, do: [publish: {topic: home/a, payload: x}]}\n",
        encoding="utf-8",
    )
    told = {"RULES_FILE": str(rules), "CAMERAS_FILE": str(marked)}
    with bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
        bridge.wait_until_healthy()
        marked.write_text(porch.replace("porch", "yard"), encoding="utf-8")
        wait_for(lambda: "expected a zone of cameras.yaml (yard), found 'porch'" in _note(bridge), "the mistake")
        assert "as before" in _note(bridge)
        marked.write_text(porch, encoding="utf-8")
        wait_for(lambda: _note(bridge) == "1 rule", "the rule to be right again")


def _note(bridge: Running) -> str:
    health = json.loads((bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8"))
    return str(health["notes"].get("rules", ""))


def test_a_bridge_does_not_start_with_a_mistake(tmp_path: Path, rules: Path) -> None:
    rules.write_text("rules:\n  - {name: x}\n", encoding="utf-8")
    assert refused("iot_bridge", tmp_path, RULES_FILE=str(rules)) == (
        f"facewire: {rules}:2:5: expected a rule with name and when and do, found no when"
    )


def test_check_says_what_rules_mean_without_a_broker_or_redis(tmp_path: Path, rules: Path) -> None:
    rules.write_text(HEAD + rule("light", on(60)), encoding="utf-8")
    env = environment(tmp_path, TZ="Europe/Berlin")
    command = [sys.executable, "-m", "iot_bridge", "check", str(rules)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HUNG_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "light hall: zigbee2mqtt hall",
        "light: when appeared: turn hall on, off after 60 s",
        f"{rules}: 1 rule; times are Europe/Berlin",
    ]
    done = subprocess.run(command, env=env | {"TZ": "Europe/Berln"}, capture_output=True, text=True, timeout=HUNG_S)
    assert (done.returncode, done.stderr) == (2, "TZ: 'Europe/Berln' is no time zone; did you mean Europe/Berlin?\n")
    assert done.stdout.splitlines()[-1] == f"{rules}: 1 rule; times are unknown"
    rules.write_text("rules:\n  - x\n", encoding="utf-8")
    said = refused("iot_bridge", tmp_path, command=["-m", "iot_bridge", "check", str(rules)])
    assert said == f"facewire: {rules}:2:5: expected a rule, found 'x'"
    assert subprocess.run([*command, "more"], env=env, capture_output=True, timeout=HUNG_S).returncode == 2


def test_check_finds_nothing_wrong_with_what_is_shipped(tmp_path: Path) -> None:
    shipped = {name: str(ROOT / "config" / f"{name}.yaml") for name in ("rules", "cameras")}
    env = environment(tmp_path, RULES_FILE=shipped["rules"], CAMERAS_FILE=shipped["cameras"])
    command = [sys.executable, "-m", "iot_bridge", "check"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HUNG_S)
    assert (done.returncode, done.stdout) == (0, f"{shipped['rules']}: 0 rules; times are this host's\n")
