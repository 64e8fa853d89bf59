"""Read what every service of the stack last said of itself."""

import json
from typing import Any

import redis

from facewire import clock, keys
from facewire.health import Health
from facewire.heartbeat import EXPIRE_S


def read_health(client: redis.Redis) -> list[Health]:
    """Return the heartbeats that have not expired, by service and instance; a garbled one is left out.

    Redis counts its expiry by the wall clock: where that was set back, the steady one tells.
    """
    found: Any = sorted(client.scan_iter(keys.health("*", "*")))
    healths = (_parse(key.decode(), client.hgetall(key)) for key in found)
    now = clock.now()
    return [health for health in healths if health is not None and not _is_over(health, now)]


def _is_over(health: Health, now: clock.Now) -> bool:
    return health.steady_s is not None and clock.same_boot(health.boot, now) and health.age_s(now) > EXPIRE_S


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
            steady_s=float(fields[b"steady_s"]) if b"steady_s" in fields else None,
            boot=fields.get(b"boot", b"").decode(),
        )
    except (KeyError, ValueError):
        return None
