"""Describe each lock that may open to Home Assistant: its switch, what was decided, lockout, and the second factor."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from facewire.audit import Verdict
from iot_bridge.locks.model import Lock
from iot_bridge.locks.topics import CONFIRM, CONFIRMED, DECISION, LOCKED_OUT, PENDING, PIN, SWITCH, UNLOCKING, of_lock
from iot_bridge.topics import Topics

Component = dict[str, Any]


def lock_components(
    locks: Mapping[str, Lock], topics: Topics, named: Callable[[str, Component], Component]
) -> dict[str, Component]:
    """Return the components by their keys.

    Args:
        locks: all there are; one that can only be locked has nothing to show.
        topics: the bridge's own.
        named: gives a component of a key the names that no other has.
    """
    found: dict[str, Component] = {}
    for lock in locks.values():
        if lock.unlocking is not None:
            described = _of_every_lock(lock, topics) | _factor(lock, lock.unlocking.second_factor, topics)
            found |= {f"lock.{lock.name}.{leaf}": entity for leaf, entity in described.items()}
    return {key: named(key, component) for key, component in found.items()}


def _of_every_lock(lock: Lock, topics: Topics) -> dict[str, Component]:
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


def _factor(lock: Lock, factor: str, topics: Topics) -> dict[str, Component]:
    if factor == "none":
        return {}
    pending = of_lock(topics, lock.name, PENDING)
    waits: dict[str, Component] = {
        "pending": {"p": "binary_sensor", "name": f"Waits for {lock.name}", "stat_t": pending}
    }
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
