"""Describe each lock that may open to Home Assistant: its switch, what was decided, lockout, and the second factor."""

from collections.abc import Mapping
from typing import get_args

from facewire.audit import Verdict
from iot_bridge.discovery.node import Components, Node, named
from iot_bridge.locks.model import Lock
from iot_bridge.locks.topics import CONFIRM, CONFIRMED, DECISION, LOCKED_OUT, PENDING, PIN, SWITCH, UNLOCKING, of_lock
from iot_bridge.topics import Topics


def lock_components(node: Node, locks: Mapping[str, Lock]) -> Components:
    """Return the components by their keys.

    Args:
        node: who speaks.
        locks: all there are; one that can only be locked has nothing to show.
    """
    found: Components = {}
    for lock in locks.values():
        if lock.unlocking is not None:
            described = _of_every_lock(lock, node.topics) | _factor(lock, lock.unlocking.second_factor, node.topics)
            found |= {f"lock.{lock.name}.{leaf}": entity for leaf, entity in described.items()}
    return {key: named(node, key, component) for key, component in found.items()}


def _of_every_lock(lock: Lock, topics: Topics) -> Components:
    return {
        "unlocking": {
            "p": "switch",
            "name": f"Unlocking {lock.name}",
            "stat_t": of_lock(topics, lock.name, UNLOCKING),
            "cmd_t": of_lock(topics, lock.name, SWITCH),
            "qos": 0,
            "ic": "mdi:face-recognition",
        },
        "decision": {
            "p": "event",
            "name": f"Decision {lock.name}",
            "stat_t": of_lock(topics, lock.name, DECISION),
            "evt_typ": list(get_args(Verdict)),
            "ic": "mdi:shield-lock",
        },
        "locked_out": {
            "p": "binary_sensor",
            "name": f"Locked out {lock.name}",
            "dev_cla": "problem",
            "stat_t": of_lock(topics, lock.name, LOCKED_OUT),
        },
    }


def _factor(lock: Lock, factor: str, topics: Topics) -> Components:
    if factor == "none":
        return {}
    pending = of_lock(topics, lock.name, PENDING)
    waits: Components = {"pending": {"p": "binary_sensor", "name": f"Waits for {lock.name}", "stat_t": pending}}
    if factor == "confirm":
        button = {
            "p": "button",
            "name": f"Confirm unlock {lock.name}",
            "cmd_t": of_lock(topics, lock.name, CONFIRM),
            "pl_prs": CONFIRMED.decode(),
            # Home Assistant keeps no message of QoS 0 for a broker that is away.
            "qos": 0,
        }
        return waits | {"confirm": button}
    text = {
        "p": "text",
        "name": f"PIN {lock.name}",
        "cmd_t": of_lock(topics, lock.name, PIN),
        # Without a state's topic, Home Assistant would show and record what was typed.
        "stat_t": pending,
        "val_tpl": "{{ '' }}",
        "mode": "password",
        "max": 32,
        "qos": 0,
    }
    return waits | {"pin": text}
