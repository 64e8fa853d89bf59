"""What every service is told by its environment, checked before anything starts.

A service extends `Settings` in a `settings.py` of its own. A bad value ends the service with one line
that names the variable, what is wrong and an example; it never shows the value, which may be a secret.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from facewire.health import RUN_DIR

S = TypeVar("S", bound="Settings")

OPERATOR_ERROR = 2
"""The exit code of a mistake that the operator can mend."""


def _readable(url: str) -> str:
    try:
        _ = urlsplit(url).port
    except ValueError:
        # The error itself would show a part of a password that has a `/` or a `]`.
        raise ValueError("host or port cannot be read (in a password, `/` is written %2F, `]` %5D)") from None
    return url


RedisUrl = Annotated[str, StringConstraints(pattern=r"^(redis|rediss|unix)://.+"), AfterValidator(_readable)]


class Settings(BaseSettings):
    """What all services share."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, env_ignore_empty=True, extra="ignore")

    bus_url: RedisUrl = Field("redis://127.0.0.1:6379/0", examples=["unix:///run/bus/redis.sock"])
    store_url: RedisUrl = Field("redis://127.0.0.1:6380/0", examples=["redis://store:6379/0"])
    run_dir: Path = Field(RUN_DIR, examples=[str(RUN_DIR)])
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", examples=["INFO"])
    log_format: Literal["json", "console"] = Field("json", examples=["json"])
    metrics_port: int | None = Field(None, ge=1, le=65535, examples=[9100])


class LayoutSettings(Settings):
    """What the services share that know of zones, lines and masks (`facewire.layouts`)."""

    cameras_file: Path = Field(Path("/etc/facewire/cameras.yaml"), examples=["config/cameras.yaml"])


def load(kind: type[S], told: Mapping[str, str] | None = None) -> S:
    """Read and check the settings, or end the process with one clear line and exit code 2.

    Args:
        kind: which settings.
        told: what a command line says, by a field's name; it goes before the environment.
    """
    values: dict[str, Any] = dict(told or {})
    try:
        return kind(**values)
    except ValidationError as error:
        stop_operator("; ".join(_complaint(kind, problem) for problem in error.errors(include_input=False)))


def stop_operator(line: str) -> NoReturn:
    """End the process over a mistake of the operator's: one line that says what to do, exit code 2."""
    print(f"facewire: {line}", file=sys.stderr, flush=True)  # noqa: T201
    raise SystemExit(OPERATOR_ERROR)


def _complaint(kind: type[Settings], problem: Any) -> str:  # noqa: ANN401  pydantic's ErrorDetails
    name = str(problem["loc"][0]) if problem["loc"] else ""
    text = str(problem["msg"]).removeprefix("Value error, ")
    field = kind.model_fields.get(name)
    if field is None:
        return text
    example = f"; for example {name.upper()}={field.examples[0]}" if field.examples else ""
    return f"{name.upper()}: {text}{example}"
