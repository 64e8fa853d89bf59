"""Where a greeting is heard: aplay plays it on the device that was named, a media player gets it by post."""

# ruff: noqa: RUF001  Chinese has commas of its own

import json
from pathlib import Path

import pytest
from iot_bridge.speech.engines import Synthesizer
from iot_bridge.speech.outlets import Alsa, OutletError, Webhook
from iot_bridge.speech.sounds import Sound, read_wav
from iot_bridge.speech.speaking import Mouth
from iot_bridge.speech.wording import Utterance

from facewire.heartbeat import Heartbeat
from facewire.log import open_log
from facewire.metrics import Metrics
from tests.integration.speaking import found, never, programs, said
from tests.integration.speech import SPEAKER, alsa, player
from tests.servers import program
from tests.unit.messages import EVENT


def test_aplay_plays_a_greeting_on_the_device_that_was_named(tmp_path: Path) -> None:
    configuration, heard = alsa(tmp_path)
    running = programs(ALSA_CONFIG_PATH=str(configuration))
    sound = Synthesizer(found(), running).sound("Hello, Anna.", "en", never)
    Alsa(program("aplay"), SPEAKER, running).play(said(), sound)
    played = read_wav(heard.read_bytes())
    assert (played.rate_hz, played.channels, played.width_bytes) == (22050, 1, 2)
    # The last period is filled up with silence.
    assert played.frames.startswith(sound.frames)
    assert not any(played.frames[len(sound.frames) :])


def test_a_device_that_is_not_there_is_told_and_survived(
    tmp_path: Path, metrics: Metrics, heartbeat: Heartbeat
) -> None:
    configuration, heard = alsa(tmp_path)
    running = programs(ALSA_CONFIG_PATH=str(configuration))
    outlet = Alsa(program("aplay"), "unplugged", running)
    mouth = Mouth(Synthesizer(found(), running), outlet, metrics, heartbeat, open_log("test"), "all is well")
    assert not mouth.say(said())
    heartbeat.beat()
    note = json.loads((tmp_path / "test.json").read_text(encoding="utf-8"))["notes"]["speech"]
    assert note.startswith("all is well; the last greeting was not heard: ALSA's device unplugged: ")
    assert note.endswith("No such file or directory")
    assert metrics.registry.get_sample_value("facewire_test_dropped_total", {"reason": "greeting_failed"}) == 1
    assert not heard.exists()


def test_a_media_player_gets_the_greeting_by_post() -> None:
    sound = Synthesizer(found(), programs()).sound("你好，伟。", "zh", never)
    with player() as media:
        Webhook(media.url).play(Utterance("你好，伟。", "zh", "伟", EVENT), sound)
        [(path, headers, body)] = media.got
    assert path == "/play"
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Content-Language"] == "zh"
    assert headers["Idempotency-Key"] == EVENT.id
    assert json.loads(headers["X-Facewire-Said"])["text"] == "你好，伟。"
    assert read_wav(body) == sound
    assert len(body) == 44 + len(sound.frames)


@pytest.mark.parametrize("status", [307, 404, 500])
def test_a_media_player_that_refuses_is_asked_once(status: int) -> None:
    with player() as media:
        media.status = status
        with pytest.raises(OutletError, match=f"status {status}"):
            Webhook(media.url).play(said(), Sound(22050, 1, 2, b"\x01\x02"))
        assert len(media.got) == 1


def test_a_media_player_that_hangs_or_is_away_is_given_up() -> None:
    sound = Sound(22050, 1, 2, b"\x01\x02")
    with player() as media:
        media.hang.clear()
        with pytest.raises(OutletError, match="Timeout"):
            Webhook(media.url, timeout_s=0.5).play(said(), sound)
    with pytest.raises(OutletError) as caught:
        Webhook(f"{media.url}?token=sesame").play(said(), sound)
    assert "sesame" not in str(caught.value)
