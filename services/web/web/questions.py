"""Answer the page's questions about cameras, health, events and decisions."""

from typing import Any

import msgspec

from facewire import clock, lookup
from facewire.controls import Controls
from facewire.health import STALE_S, Health
from facewire.layouts import Layouts
from facewire.link import Link
from facewire.roster import read_health
from facewire.shapes import Layout
from facewire.streams import camera_names

SERVICES = ("capture", "detector", "tracker", "iot-bridge", "web")


def cameras(bus: Link, controls: Controls) -> dict[str, Any]:
    """Return the names of the announced cameras, and which of them are private."""
    names = bus.once(camera_names)
    return {"cameras": names, "private": sorted(controls.private.intersection(names))}


def layout(camera: str, layouts: Layouts) -> Any:  # noqa: ANN401  msgspec does not say
    """Return the zones, lines and masks of a camera."""
    return msgspec.to_builtins(layouts.get(camera, Layout()))


def health(bus: Link) -> dict[str, Any]:
    """Return the newest heartbeat of every service; a service without one is silent."""
    found = bus.once(read_health)
    silent = [name for name in SERVICES if name not in {health.service for health in found}]
    services = [_service(health) for health in found if health.service in SERVICES]
    services += [{"service": name, "healthy": False, "silent": True} for name in silent]
    services.sort(key=lambda each: SERVICES.index(each["service"]))
    return {"services": services, "healthy": all(each["healthy"] for each in services)}


def events(store: Link, count: int) -> dict[str, Any]:
    """Return the latest events, newest first."""
    return {"events": [_event(stored) for stored in store.once(lambda c: lookup.latest_events(c, count))]}


def decisions(store: Link, count: int) -> dict[str, Any]:
    """Return the latest decisions about locks, newest first."""
    found = store.once(lambda client: lookup.latest_decisions(client, count))
    return {"decisions": [{"entry_id": name, **msgspec.to_builtins(decision)} for name, decision in found]}


def _service(health: Health) -> dict[str, Any]:
    now = clock.now()
    # A wall clock that was set back hides an old heartbeat; one that was set ahead makes a new one old until the next.
    steady_age_s = health.age_s(now) if clock.same_boot(health.boot, now) else 0.0
    age_s = max(0.0, steady_age_s, now.wall_s - health.at_s)
    return {
        "service": health.service,
        "instance": health.instance,
        "healthy": health.healthy and age_s < STALE_S,
        "silent": False,
        "waiting_for": health.waiting_for,
        "age_s": round(age_s, 1),
        "figures": health.figures,
        "notes": health.notes,
    }


def _event(stored: lookup.StoredEvent) -> dict[str, Any]:
    event = stored.event
    return {
        "entry_id": stored.entry_id,
        "type": event.type,
        "camera": event.camera,
        "track_id": event.track_id,
        "identity": msgspec.to_builtins(event.identity),
        "started_ns": event.started_ns,
        "at_ns": event.at_ns,
        "has_snapshot": event.snapshot is not None,
        "zone": event.zone,
        "line": event.line,
        "direction": event.direction,
        "dwell_s": event.dwell_s,
    }
