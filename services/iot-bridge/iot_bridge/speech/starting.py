"""Put together what speaks, by the settings and by what this host has."""

import shutil
from collections.abc import Callable

from facewire import keys
from facewire.groups import GroupReader
from facewire.messages import FaceEvent
from facewire.service import OperatorError, Service
from iot_bridge.broker import Broker
from iot_bridge.rules.model import Rulebook
from iot_bridge.settings import BridgeSettings, for_programs
from iot_bridge.speech.engines import Engines, Synthesizer, find_engines, named
from iot_bridge.speech.outlets import Alsa, Mqtt, Outlet, Webhook
from iot_bridge.speech.programs import Programs
from iot_bridge.speech.rates import Rates
from iot_bridge.speech.speaking import NOTE, Asked, Mouth, Speaking, speaks_at_all
from iot_bridge.topics import Topics

GROUP = "iot-bridge-speech"


def speaking(
    service: Service[BridgeSettings], broker: Broker, topics: Topics, find: Callable[[FaceEvent], Asked]
) -> Speaking | None:
    """Return what speaks; None where nothing is to be heard.

    Args:
        service: its settings say how.
        broker: for sounds over MQTT.
        topics: the bridge's own.
        find: returns what rules say of an event.

    Raises:
        OperatorError: a program or voice that the settings name is not there.
    """
    settings = service.settings
    engines = find_engines(settings)
    if settings.speech_output == "none":
        return None
    programs = Programs(for_programs(), service.heartbeat.beat, service.stop)
    mouth = Mouth(
        Synthesizer(engines, programs),
        _outlet(settings, programs, broker, topics),
        service.metrics,
        service.heartbeat,
        service.log,
        _described(settings, engines),
    )
    events = GroupReader(service.store, service.intake, keys.EVENTS, group=GROUP, consumer=f"{GROUP}-1", from_now=True)
    return Speaking(events, find, Rates(service.store), mouth, service.metrics, service.stop)


def note_silence(service: Service[BridgeSettings], book: Rulebook) -> None:
    """Show that rules speak and nothing is to be heard, if that is so."""
    if service.settings.speech_output == "none":
        service.heartbeat.note(NOTE, "rules speak, and SPEECH_OUTPUT is none" if speaks_at_all(book) else "")


def _outlet(settings: BridgeSettings, programs: Programs, broker: Broker, topics: Topics) -> Outlet:
    match settings.speech_output:
        case "alsa":
            program = shutil.which("aplay")
            if program is None:
                raise OperatorError("SPEECH_OUTPUT: alsa needs aplay, which is not there; install Debian's alsa-utils")
            return Alsa(program, settings.alsa_device, programs)
        case "webhook":
            return Webhook(settings.speech_webhook_url)
        case _:
            return Mqtt(topics, lambda: broker.is_up, broker.say, lambda: broker.largest_packet)


def _described(settings: BridgeSettings, engines: Engines) -> str:
    where = {"alsa": f"ALSA's device {settings.alsa_device}"}.get(settings.speech_output, settings.speech_output)
    missing = "" if all(engines.values()) else " (install espeak-ng, or piper and its voices)"
    return f"{named(engines)}{missing}; to {where}"
