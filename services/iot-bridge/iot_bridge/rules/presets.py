"""Say in each preset's own words what a light shall do.

Where each is described: zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html (brightness 0..254),
tasmota.github.io/docs/Commands (Power, Dimmer), esphome.io/components/mqtt (JSON light, brightness 0..255),
shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt (RPC; Switch.Set, Light.Set), and
home-assistant.io/integrations/light.mqtt (the same JSON; the automation that obeys it is in docs/rules.md).
"""

from typing import Any

from iot_bridge.payloads import packed
from iot_bridge.rules.fence import shelly_parts
from iot_bridge.rules.model import Device
from iot_bridge.topics import Publication, Topics


def can_dim(device: Device) -> bool:
    """Say whether a device can be told a brightness."""
    if device.preset == "shelly":
        return shelly_parts(device.address)[1].startswith("light:")
    return device.preset != "topic"


def light_publications(device: Device, topics: Topics, *, on: bool, percent: int | None = None) -> list[Publication]:
    """Return what turns a light on or off.

    Args:
        device: the light.
        topics: the bridge's own topics.
        on: whether it shall be on.
        percent: its brightness, 1..100; None leaves it as it is.
    """
    address, word = device.address, "ON" if on else "OFF"
    match device.preset:
        case "zigbee2mqtt":
            return [_json(f"zigbee2mqtt/{address}/set", word, percent, 254)]
        case "esphome":
            node, _, name = address.rpartition("/")
            return [_json(f"{node}/light/{name}/command", word, percent, 255)]
        case "home_assistant":
            return [_json(topics.command(address), word, percent, 255)]
        case "shelly":
            return [_shelly(address, on=on, percent=percent)]
        case "tasmota":
            dimmed = [] if percent is None else [Publication(f"cmnd/{address}/Dimmer", str(percent).encode())]
            return [*dimmed, Publication(f"cmnd/{address}/POWER", word.encode())]
        case "topic":
            return [Publication(address, word.encode())]


def _json(topic: str, word: str, percent: int | None, brightest: int) -> Publication:
    brightness = {} if percent is None else {"brightness": round(percent * brightest / 100)}
    return Publication(topic, packed({"state": word, **brightness}))


def _shelly(address: str, *, on: bool, percent: int | None) -> Publication:
    prefix, part = shelly_parts(address)
    kind, _, number = part.partition(":")
    wanted: dict[str, Any] = {"id": int(number), "on": on} | ({} if percent is None else {"brightness": percent})
    return Publication(
        f"{prefix}/rpc", packed({"id": 1, "src": "facewire", "method": f"{kind.title()}.Set", "params": wanted})
    )
