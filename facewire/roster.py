"""Read what every service of the stack last said of itself."""

import json
from typing import Any

import redis

from facewire import keys
from facewire.health import Health


def read_health(client: redis.Redis) -> list[Health]:
    """Return the heartbeats that have not expired, by service and instance; a garbled one is left out."""
    found: Any = sorted(client.scan_iter(keys.health("*", "*")))
    healths = (_parse(key.decode(), client.hgetall(key)) for key in found)
    return [health for health in healths if health is not None]


def _parse(key: str, fields: Any) -> Health | None:  # noqa: ANN401  redis-py does not say
    _, service, instance = key.split(":", 2)
    try:
        return Health(
            service=service,
            instance=instance,
            at_s=float(fields[b"at_s"]),
            healthy=fields[b"healthy"] == b"1",
            waiting_for=fields[b"waiting_for"].decode(),
            figures=json.loads(fields[b"figures"]),
            notes=json.loads(fields[b"notes"]),
        )
    except (KeyError, ValueError):
        return None
