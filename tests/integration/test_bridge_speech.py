"""The bridge greets: the process, with real rules, espeak-ng, aplay, Redis servers and broker."""

# ruff: noqa: RUF001  Chinese has commas of its own
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from iot_bridge.speech.sounds import read_wav

from facewire import keys
from facewire.messages import Person
from tests.integration.bridge import BASE, Listener, Running, Store, bridging, holds, listening, metrics
from tests.integration.rules import acknowledged, happens
from tests.integration.speech import SPEAKER, alsa, only, peak, player, stand_in
from tests.processes import SECRET, refused
from tests.servers import free_port, program, wait_for

GROUP = "iot-bridge-speech"
SAID, WAV = f"{BASE}/speech/said", f"{BASE}/speech/wav"
RULES = """
greeting:
  people: {anna: "Welcome home, {person}"}
  languages: {wei: zh}
  at_most_every_s: 300
rules:
  - name: greet
    when: {event: identified, person: anyone}
    do:
      - speak: {}
  - name: bell
    when: {event: crossed}
    do:
      - speak: {text: "Somebody is at the {camera}"}
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """The rules' file."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


def seen(store: Store, number: int, name: str, age_s: float = 0.0) -> str:
    """Tell that somebody was recognized; returns the event's id."""
    about: dict[str, Any] = {"type": "identified", "identity": Person(name, 0.8), "snapshot": None}
    return happens(store, number, age_s, id=f"door-{number}-identified", **about).id


def texts(home: Listener) -> list[str]:
    return [json.loads(payload)["text"] for payload in home.payloads(SAID)]


def ready(bridge: Running, store: Store) -> None:
    """Wait until the bridge listens for events to speak of: its group begins with what comes then."""
    bridge.wait_until_healthy()
    wait_for(
        lambda: (
            store.client.exists(keys.EVENTS.key())
            and GROUP.encode() in [each["name"] for each in store.client.xinfo_groups(keys.EVENTS.key())]
        ),
        what="the group",
    )


def notes(bridge: Running) -> dict[str, str]:
    health = json.loads((bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8"))
    return dict(health["notes"])


def dropped(port: int, reason: str) -> float:
    line = f'facewire_iot_bridge_dropped_total{{reason="{reason}"}} '
    found = [each for each in metrics(port).splitlines() if each.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


def test_people_are_greeted_once_in_their_language_and_not_again_after_a_restart(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    program("espeak-ng")
    port = free_port()
    told = {"RULES_FILE": rules, "SPEECH_OUTPUT": "mqtt", "METRICS_PORT": str(port)}
    seen(store, 1, "early bird")
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
            ready(bridge, store)
            first = seen(store, 2, "anna")
            wait_for(lambda: len(home.payloads(WAV)) == 1, what="the first greeting")
            said = json.loads(home.latest(SAID))
            assert said["captured_ns"] > 0
            assert {name: said[name] for name in ("id", "text", "person", "language", "camera")} == {
                "id": first,
                "text": "Welcome home, anna",
                "person": "anna",
                "language": "en",
                "camera": "door",
            }
            sound = read_wav(home.latest(WAV))
            assert 0.5 < sound.duration_s < 4
            assert peak(sound) > 3000
            seen(store, 3, "anna")
            seen(store, 4, "wei", age_s=11)
            wait_for(lambda: acknowledged(store, GROUP), what="both to be passed over")
            assert dropped(port, "greeting_too_soon") == dropped(port, "greeting_late") == 1
            seen(store, 5, "wei")
            wait_for(lambda: len(home.payloads(WAV)) == 2, what="the second greeting")
            wait_for(lambda: notes(bridge).get("speech") == "en: espeak-ng, zh: espeak-ng; to mqtt", what="the note")
            bridge.kill()
        with bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge:
            bridge.wait_until_healthy()
            seen(store, 6, "anna")
            wait_for(lambda: acknowledged(store, GROUP), what="anna to be passed over")
            seen(store, 7, "<speak>; rm -rf /")
            wait_for(lambda: len(home.payloads(WAV)) == 3, what="the third greeting")
        assert texts(home) == ["Welcome home, anna", "你好，wei。", "Hello, speak rm -rf."]
        assert not any(message.retain for message in home.got if message.topic in (SAID, WAV))


def test_a_rule_speaks_on_the_sound_card(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    program("espeak-ng"), program("aplay")
    configuration, heard = alsa(tmp_path)
    told = {"SPEECH_OUTPUT": "alsa", "ALSA_DEVICE": SPEAKER, "ALSA_CONFIG_PATH": str(configuration)}
    with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=rules, **told) as bridge:
        ready(bridge, store)
        happens(store, 1, type="crossed", line="sill", direction="in", snapshot=None)
        wait_for(lambda: heard.exists() and len(heard.read_bytes()) > 40_000, what="the greeting")
        wait_for(lambda: acknowledged(store, GROUP), what="the acknowledgement")
    assert peak(read_wav(heard.read_bytes())) > 3000


def test_an_engine_that_hangs_holds_up_no_event_and_no_end(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    hanging = stand_in(tmp_path / "bin", "espeak-ng", "import time; time.sleep(3600)")
    told = {"SPEECH_OUTPUT": "mqtt", "PATH": str(Path(hanging).parent), "RULES_FILE": rules}
    with (
        bridging(tmp_path, bus_url, store_url, broker_port, **told) as bridge,
        listening(broker_port) as home,
    ):
        ready(bridge, store)
        seen(store, 1, "anna")
        wait_for(lambda: acknowledged(store, GROUP), what="the claim")
        later = happens(store, 2)
        wait_for(lambda: later.id in home.event_ids(), "the event of another group")
        assert holds(bridge.healthy, 2)
        assert home.payloads(WAV) == []
        # It must end in time, which `bridging` asserts, and not with the program.


def test_the_media_player_of_an_address_gets_the_greeting_and_no_log_the_address(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    program("espeak-ng")
    with player() as media:
        told = {"SPEECH_OUTPUT": "webhook", "SPEECH_WEBHOOK_URL": f"{media.url}?key={SECRET}", "RULES_FILE": rules}
        with bridging(tmp_path, bus_url, store_url, broker_port, LOG_LEVEL="DEBUG", **told) as bridge:
            ready(bridge, store)
            seen(store, 1, "wei")
            wait_for(lambda: len(media.got) == 1, what="the greeting")
            assert json.loads(media.got[0][1]["X-Facewire-Said"])["person"] == "wei"
            assert peak(read_wav(media.got[0][2])) > 3000
            media.status = 500
            seen(store, 2, "anna")
            wait_for(lambda: "status 500" in notes(bridge).get("speech", ""), what="the note")
            assert len(media.got) == 2


def test_without_a_program_it_runs_and_says_what_is_missing(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    told = {"RULES_FILE": rules, "PATH": only(tmp_path / "bin")}
    with bridging(tmp_path, bus_url, store_url, broker_port, SPEECH_OUTPUT="mqtt", **told) as bridge:
        ready(bridge, store)
        missing = "en: nothing, zh: nothing (install espeak-ng, or piper and its voices); to mqtt"
        wait_for(lambda: notes(bridge).get("speech") == missing, what="the note")
        seen(store, 1, "anna")
        wait_for(lambda: "not heard" in notes(bridge).get("speech", ""), what="the note")
        assert bridge.healthy()


def test_rules_that_speak_into_the_void_are_shown(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, rules: str
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port, RULES_FILE=rules) as bridge:
        bridge.wait_until_healthy()
        wait_for(lambda: notes(bridge).get("speech") == "rules speak, and SPEECH_OUTPUT is none", what="the note")
        seen(store, 1, "anna")
        time.sleep(0.5)
        assert GROUP.encode() not in [each["name"] for each in store.client.xinfo_groups(keys.EVENTS.key())]
        Path(rules).write_text("", encoding="utf-8")
        wait_for(lambda: "speech" not in notes(bridge), what="the note to go")


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"SPEECH_OUTPUT": "loud"}, "SPEECH_OUTPUT: Must be one of: none, alsa, mqtt, webhook"),
        ({"SPEECH_OUTPUT": "webhook"}, "SPEECH_WEBHOOK_URL: must be set"),
        ({"SPEECH_WEBHOOK_URL": f"ftp://user:{SECRET}@host"}, "SPEECH_WEBHOOK_URL: is no address"),
        ({"SPEECH_WEBHOOK_URL": f"http://user:{SECRET}@host/"}, "SPEECH_WEBHOOK_URL: is no address"),
        ({"ALSA_DEVICE": "--help"}, "ALSA_DEVICE: "),
        ({"ALSA_DEVICE": "a\nb"}, "ALSA_DEVICE: "),
        ({"SPEECH_OUTPUT": "alsa"}, "SPEECH_OUTPUT: alsa needs aplay"),
        ({"SPEECH_ENGINE": "espeak-ng"}, "SPEECH_ENGINE: espeak-ng is not installed"),
        ({"SPEECH_ENGINE": "piper"}, "SPEECH_ENGINE: piper is not on the PATH"),
        ({"PIPER_VOICE_EN": "/nowhere/en.onnx"}, "PIPER_VOICE_EN: /nowhere/en.onnx is not there"),
    ],
)
def test_a_mistake_of_the_operator_is_one_line(tmp_path: Path, told: dict[str, str], complaint: str) -> None:
    assert shutil.which("aplay", path=only(tmp_path / "bin")) is None
    line = refused("iot_bridge", tmp_path, **{"PATH": str(tmp_path / "bin")} | told)
    assert line.startswith(f"facewire: {complaint}")
