"""What every service is told by its environment, checked before anything starts.

A service extends `Settings` in a `settings.py` of its own. A bad value ends the service with one line
that names the variable, what is wrong and an example; it never shows the value, which may be a secret.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

import redis
from marshmallow import EXCLUDE, Schema, ValidationError
from marshmallow.fields import Field, Float, Function, Integer, String
from marshmallow.validate import OneOf, Range
from redis.connection import parse_url

from facewire.given import flaw, oddity, tidy
from facewire.health import RUN_DIR
from facewire.redaction import guard_tracebacks, redacted, remember, remember_address

S = TypeVar("S", bound="Settings")

OPERATOR_ERROR = 2
"""The exit code of a mistake that the operator can mend."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a setting is told: beside its type, in `Annotated`.

    Args:
        by: reads and checks the text; its complaints must not repeat it.
        example: what would be right.
        holds: `password` for one, which is taken as it is, with blanks and quotes; `address` for what may hold one.
        lines: whether the text may have several lines.
        oddity: says why a text may be not what its author wrote.
    """

    by: "Field[Any]"
    example: object
    holds: Literal["", "password", "address"] = ""
    lines: bool = False
    oddity: Callable[[str], str] = oddity


_REDIS = re.compile(r"(redis|rediss|unix)://.")


def _readable(url: str) -> None:
    if not _REDIS.match(url):
        raise ValidationError("Must begin with redis://, rediss:// or unix://")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The error itself would show a part of a password that has a `/` or a `]`.
        raise ValidationError("host or port cannot be read (in a password, `/` is written %2F, `]` %5D)") from None
    if parts.fragment or (parts.scheme == "unix" and "@" in parts.path):
        raise ValidationError("has a part too many (in a password, `#` is written %23, `/` %2F)")
    if parts.scheme != "unix" and (not re.fullmatch(r"/?\d*/?", parts.path) or "@" in parts.query):
        # Else `user:12/34@host` would be the database `34@host` of a server called `user`.
        raise ValidationError("may have nothing but a number behind the host (in a password, `/` is %2F, `@` %40)")
    try:
        options = parse_url(url)  # type: ignore[no-untyped-call]
        # Made, not opened: only this says whether it knows what stands behind a `?`.
        options.pop("connection_class", redis.Connection)(**options)
    except (TypeError, ValueError, redis.RedisError):
        raise ValidationError("what stands behind the `?` cannot be read") from None


REDIS_URL = String(validate=_readable)
PORT = Integer(validate=Range(1, 65535))
SCORE = Float(validate=Range(0, 1, min_inclusive=False, max_inclusive=False))
PATH = Function(deserialize=Path)
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Form = Literal["json", "console"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all services share."""

    bus_url: Annotated[str, Told(REDIS_URL, "unix:///run/bus/redis.sock", "address")] = field(
        default="redis://127.0.0.1:6379/0", repr=False
    )
    store_url: Annotated[str, Told(REDIS_URL, "redis://store:6379/0", "address")] = field(
        default="redis://127.0.0.1:6380/0", repr=False
    )
    run_dir: Annotated[Path, Told(PATH, RUN_DIR)] = RUN_DIR
    log_level: Annotated[Level, Told(String(validate=OneOf(get_args(Level))), "INFO")] = "INFO"
    log_format: Annotated[Form, Told(String(validate=OneOf(get_args(Form))), "json")] = "json"
    metrics_port: Annotated[int | None, Told(PORT, 9100)] = None
    named: frozenset[str] = frozenset()
    """The fields that somebody set; the others are as they are by default."""
    oddities: tuple[str, ...] = ()
    """What looks wrong and is no mistake for certain, each with the variable's name."""


@dataclass(frozen=True, kw_only=True)
class LayoutSettings(Settings):
    """What the services share that know of zones, lines and masks (`facewire.layouts`)."""

    cameras_file: Annotated[Path, Told(PATH, "config/cameras.yaml")] = Path("/etc/facewire/cameras.yaml")


def load(kind: type[S], told: Mapping[str, str] | None = None) -> S:
    """Read and check the settings, or end the process with one clear line and exit code 2.

    Args:
        kind: which settings.
        told: what a command line says, by a field's name; it goes before the environment.
    """
    guard_tracebacks()
    known = known_settings(kind)
    # An empty variable, as compose files pass on, says nothing.
    given = {name.lower(): text for name, text in os.environ.items() if text and name.lower() in known}
    given |= told or {}
    _remember(given, known)
    flawed = {name: flaw(text, lines=known[name].lines) for name, text in given.items()}
    if any(flawed.values()):
        stop_operator("; ".join(f"{name.upper()}: {why}" for name, why in flawed.items() if why))
    tidied = {name: text if known[name].holds == "password" else tidy(text) for name, text in given.items()}
    schema = Schema.from_dict({name: setting.by for name, setting in known.items()})
    try:
        values = schema(unknown=EXCLUDE).load({name: text for name, text in tidied.items() if text})
        return kind(**values, named=frozenset(values), oddities=_oddities(given, known))
    except ValidationError as error:
        problems = error.messages_dict
        stop_operator("; ".join(_complaint(name, problems[name], known[name]) for name in known if name in problems))
    except ValueError as error:
        stop_operator(str(error))


def _remember(given: Mapping[str, str], known: Mapping[str, Told]) -> None:
    for name, text in given.items():
        if known[name].holds == "password":
            remember(text)
        elif known[name].holds == "address":
            remember_address(text)


def _oddities(given: Mapping[str, str], known: Mapping[str, Told]) -> tuple[str, ...]:
    found = {name: known[name].oddity(text) for name, text in given.items()}
    return tuple(f"{name.upper()} {why}" for name, why in found.items() if why)


def known_settings(kind: type[Settings]) -> dict[str, Told]:
    """Return how each setting is told, by its field's name."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def stop_operator(line: str) -> NoReturn:
    """End the process over a mistake of the operator's: one line that says what to do, exit code 2."""
    print(f"facewire: {redacted(line)}", file=sys.stderr, flush=True)  # noqa: T201
    raise SystemExit(OPERATOR_ERROR)


def _complaint(name: str, problems: list[str], setting: Told) -> str:
    text = " ".join(problems).removesuffix(".")
    return f"{name.upper()}: {text}; for example {name.upper()}={setting.example}"
