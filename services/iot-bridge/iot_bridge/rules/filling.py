"""Fill an event into texts that people wrote: `{person} at {camera}`."""

import json
import re
from collections.abc import Mapping

from facewire.messages import FaceEvent

FIELD = re.compile(r"\{([a-z_]+)\}")
PUBLISH_FIELDS = ("event", "camera", "person", "zone", "id")
SPEAK_FIELDS = ("person", "camera", "greeting")


def unknown_field(template: str, fields: tuple[str, ...]) -> str:
    """Return the first field of a template that there is not, as it is written; "" if there is none."""
    return next((match[0] for match in FIELD.finditer(template) if match[1] not in fields), "")


def event_fields(event: FaceEvent) -> dict[str, str]:
    """Return what may be filled in of an event; what it does not have is empty."""
    zone = event.zone or (event.zones[0] if event.zones else "")
    person = "" if event.identity is None else event.identity.name
    return {"event": event.type, "camera": event.camera, "person": person, "zone": zone, "id": event.id}


def filled(template: str, fields: Mapping[str, str]) -> str:
    """Return a template with its fields filled in; in one that is JSON, a quote in a name stays inside its text."""
    is_json = _is_json(template)

    def value(match: re.Match[str]) -> str:
        text = fields[match[1]]
        return json.dumps(text, ensure_ascii=False)[1:-1] if is_json else text

    return FIELD.sub(value, template)


def _is_json(template: str) -> bool:
    try:
        json.loads(template)
    except (ValueError, RecursionError):
        return False
    return True
