"""Read what a rule does, and refuse what it may not."""

import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from facewire.given import flaw
from facewire.marked import Marked
from facewire.names import name_key
from iot_bridge.rules.fence import A_TOPIC, Fence, is_topic
from iot_bridge.rules.filling import PUBLISH_FIELDS, SPEAK_FIELDS, unknown_field
from iot_bridge.rules.model import (
    Action,
    CallWebhook,
    LockDoor,
    Publish,
    Rulebook,
    SetLight,
    Speak,
    UnlockDoor,
    When,
)
from iot_bridge.rules.presets import can_dim
from iot_bridge.rules.reading_devices import LEVELS
from iot_bridge.rules.surroundings import Surroundings
from iot_bridge.rules.words import SPECIAL, choice, known, whole

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
ACTIONS = ("light", "publish", "lock", "unlock", "webhook", "speak")
ACTIONS_LIMIT = 16
PAYLOAD_LIMIT = 4096
SPOKEN_LIMIT = 200
A_URL = "an address that begins with http:// or https://, without a user or password, up to 1024 long"
Reader = Callable[[Marked], Action]
OTHER_SCHEMES = ("file", "ftp", "mqtt", "mqtts", "rtsp", "ws", "wss")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def read_actions(marked: Marked, when: When, book: Rulebook, fence: Fence, around: Surroundings) -> tuple[Action, ...]:
    """Return what a rule does, in order.

    Args:
        marked: what is written.
        when: the rule's condition.
        book: what the file says beside its rules.
        fence: what no rule may publish to.
        around: the home.
    """
    read: dict[str, Reader] = {
        "light": lambda each: _light(each, book),
        "publish": lambda each: _publish(each, fence),
        "lock": lambda each: LockDoor(known(each, "lock", tuple(book.locks))),
        "unlock": lambda each: _unlock(each, when, book),
        "webhook": lambda each: _webhook(each, around),
        "speak": _speak,
    }
    found: list[Action] = []
    for each in marked.items("a list of actions", least=1, most=ACTIONS_LIMIT):
        parts = each.fields("an action", (), ACTIONS)
        if len(parts) != 1:
            each.refuse(f"exactly one of {', '.join(ACTIONS)}", " and ".join(parts) or "none")
        found += [read[key](value) for key, value in parts.items()]
    return tuple(found)


def language(marked: Marked) -> Language:
    """Return the language of a greeting."""
    return choice(marked, LANGUAGES)


def spoken(marked: Marked) -> str:
    """Return a text that is said aloud."""
    return template(marked, SPEAK_FIELDS, least=1, most=SPOKEN_LIMIT)


def template(marked: Marked, fields: tuple[str, ...], *, least: int, most: int) -> str:
    """Return a text in which only these fields are filled in."""
    text = marked.text(f"a text of {least} to {most} characters")
    if not least <= len(text) <= most:
        marked.refuse(f"a text of {least} to {most} characters", f"{len(text)} of them")
    unknown = unknown_field(text, fields)
    if unknown:
        marked.refuse(f"no other fields than {', '.join(f'{{{field}}}' for field in fields)}", unknown)
    return text


def _light(marked: Marked, book: Rulebook) -> SetLight:
    parts = marked.fields("a light's action", ("name", "turn"), ("brightness", "off_after_s"))
    light = known(parts["name"], "light", tuple(book.lights))
    turn = parts["turn"]
    # YAML takes `on` for yes, unless it stands in quotes.
    on = turn.flag("on or off") if turn.is_flag else turn.text("on or off", re.compile("on|off")) == "on"
    for key in ("brightness", "off_after_s"):
        if key in parts and not on:
            parts[key].refuse(f"{key} only where the light is turned on", "turn: off")
    if "brightness" in parts and not can_dim(book.lights[light].device):
        parts["brightness"].refuse(f"no brightness, since {light} can only be turned on and off")
    return SetLight(
        light,
        on,
        whole(parts["brightness"], "per cent, a whole number from 1 to 100", 1, 100) if "brightness" in parts else None,
        parts["off_after_s"].number("seconds, from 1 to 86400", 1, 86_400) if "off_after_s" in parts else None,
    )


def _publish(marked: Marked, fence: Fence) -> Publish:
    parts = marked.fields("a message", ("topic", "payload"), ("retain",))
    topic = parts["topic"].text(A_TOPIC, LEVELS)
    if not is_topic(topic):
        parts["topic"].refuse(A_TOPIC)
    why_not = fence.why_not(topic)
    if why_not:
        parts["topic"].refuse("a topic that rules may publish to", why_not)
    retain = parts["retain"].flag("yes or no") if "retain" in parts else False
    return Publish(topic, template(parts["payload"].hide(), PUBLISH_FIELDS, least=0, most=PAYLOAD_LIMIT), retain)


def _unlock(marked: Marked, when: When, book: Rulebook) -> UnlockDoor:
    lock = known(marked, "lock", tuple(book.locks))
    unlocking = book.locks[lock].unlocking
    if unlocking is None:
        marked.refuse(f"a lock that may open: {lock} has no `unlock`, and so never does")
    if when.events != ("identified",):
        marked.refuse("unlock only where the event is identified alone", ", ".join(when.events))
    if not when.people or set(SPECIAL) & set(when.people):
        marked.refuse("unlock only where `person` names who it is", ", ".join(when.people) or "no person")
    for what, named, allowed in (
        ("person", when.people, set(map(name_key, unlocking.people))),
        ("camera", when.cameras, set(unlocking.cameras)),
    ):
        strange = [each for each in named if (name_key(each) if what == "person" else each) not in allowed]
        if strange:
            marked.refuse(f"each {what} of the rule among those of the lock {lock}", repr(strange[0]))
    return UnlockDoor(lock)


def _webhook(marked: Marked, around: Surroundings) -> CallWebhook:
    # Its address and its key's name may be secrets, or be written where the other belongs.
    parts = marked.hide().fields("a webhook", ("url",), ("timeout_s", "retries", "secret_env"))
    parts |= {key: parts[key].hide(hidden=False) for key in ("timeout_s", "retries") if key in parts}
    plain = CallWebhook("")
    secret_env = (
        parts["secret_env"].text("the name of a variable, as WEBHOOK_KEY", VARIABLE) if "secret_env" in parts else None
    )
    if secret_env:
        key = around.secret(secret_env)
        if key is None:
            parts["secret_env"].refuse("a variable of the bridge's environment that is set", "one that is not")
        if flaw(key):
            parts["secret_env"].refuse("a variable with a text", f"{secret_env}, which {flaw(key)}")
    return CallWebhook(
        url=_url(parts["url"]),
        timeout_s=parts["timeout_s"].number("seconds, from 0.1 to 30", 0.1, 30)
        if "timeout_s" in parts
        else plain.timeout_s,
        retries=whole(parts["retries"], "a whole number from 0 to 10", 0, 10) if "retries" in parts else plain.retries,
        secret_env=secret_env,
    )


def _url(marked: Marked) -> str:
    """Return an address. What was found is not shown: it may hold a secret."""
    text = marked.text(A_URL)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        marked.refuse(A_URL, "what is no address")
    if parts.scheme not in ("http", "https"):
        marked.refuse(A_URL, _scheme(parts.scheme))
    if parts.username is not None or parts.password is not None:
        marked.refuse(A_URL, "one with a user")
    if (
        not parts.hostname
        or port == 0
        or len(text) > 1024
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        marked.refuse(A_URL, "one without a host, too long, or with characters that are to be written as %20")
    return text


def _scheme(scheme: str) -> str:
    if scheme in OTHER_SCHEMES:
        return f"{scheme}:"
    return "another" if scheme else "one without"


def _speak(marked: Marked) -> Speak:
    parts = marked.fields("what is spoken", (), ("text", "language"))
    return Speak(
        text=spoken(parts["text"]) if "text" in parts else None,
        language=language(parts["language"]) if "language" in parts else None,
    )
