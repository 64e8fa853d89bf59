"""Structured logs: one JSON object a line in containers, readable lines on a terminal."""

import logging
import sys
from collections.abc import Mapping
from typing import Literal

import structlog

from facewire.redaction import safe

LogFormat = Literal["json", "console"]
Log = structlog.stdlib.BoundLogger
OURS = ("level", "timestamp", "service")
"""Fields that hold nothing from outside."""


def _redact(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: value if name in OURS else _without_secrets(value) for name, value in event.items()}


def _without_secrets(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(each) for each in value]
    return safe(str(value))


def open_log(service: str, level: str = "INFO", form: LogFormat = "json") -> Log:
    """Set up logging for this process and return the service's logger; lines go to standard error."""
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Before secrets are taken out: an error's text may hold some.
            structlog.processors.format_exc_info,
            _redact,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    log: Log = structlog.get_logger(service=service)
    return log


class Seldom:
    """Say whether a thing of one kind is due to be logged again: at most once in a while.

    Args:
        every_s: the least time between two lines of one kind.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._said_s: dict[str, float] = {}

    def due(self, kind: str, now_s: float) -> bool:
        """Return True for the first call of a kind, and then once `every_s` have passed."""
        last_s = self._said_s.get(kind)
        if last_s is not None and now_s - last_s < self._every_s:
            return False
        self._said_s[kind] = now_s
        return True
