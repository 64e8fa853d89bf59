"""Say in each preset's own words that a lock shall open or close.

Where each is described: zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html, tasmota.github.io/docs/Commands
(Power; a relay that holds a door open only for a moment does that by its own PulseTime), esphome.io/components/mqtt
(prefix/component/name/command), shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch (Switch.Set), and
home-assistant.io/integrations/lock.mqtt (LOCK and UNLOCK).
"""

from typing import Literal

from iot_bridge.locks.model import Lock
from iot_bridge.payloads import packed
from iot_bridge.topics import Publication, Topics

Word = Literal["UNLOCK", "LOCK"]
FIRST_RELAY = "switch:0"


def command(lock: Lock, word: Word, decision: str, expires_ns: int, topics: Topics) -> Publication:
    """Return the message that a lock obeys; it is never retained.

    Args:
        lock: which.
        word: what it shall do.
        decision: the id of the decision.
        expires_ns: until when it may be obeyed, by the clock on the wall.
        topics: the bridge's own.

    Raises:
        ValueError: the address is none.
    """
    address = lock.address
    match lock.preset:
        case "zigbee2mqtt":
            return Publication(f"zigbee2mqtt/{address}/set", packed({"state": word}))
        case "tasmota":
            return Publication(f"cmnd/{address}/POWER", b"ON" if word == "UNLOCK" else b"OFF")
        case "esphome":
            node, _, name = address.rpartition("/")
            return Publication(f"{node}/lock/{name}/command", word.encode())
        case "shelly":
            return _shelly(address, word, decision)
        case "home_assistant":
            return Publication(f"{topics.prefix}/{topics.node}/command/{address}", word.encode())
        case "topic":
            return Publication(address, packed({"id": decision, "command": word, "expires_ns": expires_ns}))


def _shelly(address: str, word: Word, decision: str) -> Publication:
    device, _, part = address.rpartition("/")
    prefix, relay = (device, part) if device and ":" in part else (address, FIRST_RELAY)
    kind, _, number = relay.partition(":")
    if kind != "switch":
        raise ValueError(f"a lock is a switch of a Shelly, not {relay:.40}")
    wanted = {"id": int(number), "on": word == "UNLOCK"}
    call = {"id": decision, "src": "facewire", "method": "Switch.Set", "params": wanted}
    return Publication(f"{prefix}/rpc", packed(call))
