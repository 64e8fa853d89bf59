"""What every service is told by its environment, checked before anything starts.

A service extends `Settings` in a `settings.py` of its own. A bad value ends the service with one line
that names the variable, what is wrong and an example; it never shows the value, which may be a secret.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

import redis
from marshmallow import EXCLUDE, Schema, ValidationError
from marshmallow.fields import Field, Float, Function, Integer, String
from marshmallow.validate import OneOf, Range, Regexp
from redis.connection import parse_url

from facewire.health import RUN_DIR

S = TypeVar("S", bound="Settings")

OPERATOR_ERROR = 2
"""The exit code of a mistake that the operator can mend."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a setting is told: beside its type, in `Annotated`.

    Args:
        by: reads and checks the text; its complaints must not repeat it.
        example: what would be right.
    """

    by: "Field[Any]"
    example: object


def _readable(url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        # The error itself would show a part of a password that has a `/` or a `]`.
        raise ValidationError("host or port cannot be read (in a password, `/` is written %2F, `]` %5D)") from None
    try:
        options = parse_url(url)  # type: ignore[no-untyped-call]
        # Made, not opened: only this says whether it knows what stands behind a `?`.
        options.pop("connection_class", redis.Connection)(**options)
    except (TypeError, ValueError, redis.RedisError):
        raise ValidationError("what stands behind the `?` cannot be read") from None


REDIS_URL = String(
    validate=[Regexp(r"(redis|rediss|unix)://.+", error="Must begin with redis://, rediss:// or unix://"), _readable]
)
PORT = Integer(validate=Range(1, 65535))
SCORE = Float(validate=Range(0, 1, min_inclusive=False, max_inclusive=False))
PATH = Function(deserialize=Path)
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Form = Literal["json", "console"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all services share."""

    bus_url: Annotated[str, Told(REDIS_URL, "unix:///run/bus/redis.sock")] = "redis://127.0.0.1:6379/0"
    store_url: Annotated[str, Told(REDIS_URL, "redis://store:6379/0")] = "redis://127.0.0.1:6380/0"
    run_dir: Annotated[Path, Told(PATH, RUN_DIR)] = RUN_DIR
    log_level: Annotated[Level, Told(String(validate=OneOf(get_args(Level))), "INFO")] = "INFO"
    log_format: Annotated[Form, Told(String(validate=OneOf(get_args(Form))), "json")] = "json"
    metrics_port: Annotated[int | None, Told(PORT, 9100)] = None
    named: frozenset[str] = frozenset()
    """The fields that somebody set; the others are as they are by default."""


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
    known = known_settings(kind)
    # An empty variable, as compose files pass on, says nothing.
    texts = {name.lower(): text for name, text in os.environ.items() if text} | dict(told or {})
    schema = Schema.from_dict({name: setting.by for name, setting in known.items()})
    try:
        values = schema(unknown=EXCLUDE).load(texts)
        return kind(**values, named=frozenset(values))
    except ValidationError as error:
        problems = error.messages_dict
        stop_operator("; ".join(_complaint(name, problems[name], known[name]) for name in known if name in problems))
    except ValueError as error:
        stop_operator(str(error))


def known_settings(kind: type[Settings]) -> dict[str, Told]:
    """Return how each setting is told, by its field's name."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def stop_operator(line: str) -> NoReturn:
    """End the process over a mistake of the operator's: one line that says what to do, exit code 2."""
    print(f"facewire: {line}", file=sys.stderr, flush=True)  # noqa: T201
    raise SystemExit(OPERATOR_ERROR)


def _complaint(name: str, problems: list[str], setting: Told) -> str:
    text = " ".join(problems).removesuffix(".")
    return f"{name.upper()}: {text}; for example {name.upper()}={setting.example}"
