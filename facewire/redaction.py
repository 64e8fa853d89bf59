"""Keep known secrets out of every text that leaves a process: the last defence, behind showing none.

Settings and rules say what is secret; logs, health texts, errors and tracebacks pass through `redacted`.
"""

import json
import logging
import re
import sys
import threading
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from urllib.parse import quote, unquote

from facewire.address import without_secrets

HIDDEN = "***"
SHORTEST = 6
"""A shorter secret is not searched for: it would be found in words that say nothing of it."""
LONG = 12

_known: frozenset[str] = frozenset()


def remember(*secrets: str) -> None:
    """Take note of secrets, so that `redacted` hides them however they are written."""
    global _known  # noqa: PLW0603  a process has one set of secrets
    forms = {_lower(form) for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
    _known = _known | forms


def remember_address(text: str) -> None:
    """Remember the secret parts of each address in a text: password, path, query, fragment, and the HTTP login."""
    # Once as a whole: a password may hold what else would end an address.
    for part in (text, *re.split(r"\s|,(?=[\w -]+=)", text)):
        _scheme, separator, rest = part.partition("://")
        rest = rest if separator else part
        userinfo, at, _ = rest.rpartition("@")
        if not separator and not at:
            continue
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        behind = rest[len(authority) :]
        path = re.split(r"[?#]", behind, maxsplit=1)[0]
        values = (value for pair in re.split(r"[?&#;]", behind)[1:] for value in pair.split("=", 1)[1:])
        # Without its slash only where that is no everyday word, as `stream1`.
        tokens = (each.lstrip("/") for each in (behind, path) if len(each) > LONG)
        remember(userinfo, userinfo.partition(":")[2], behind, path, *values, *tokens)
        remember_login(*map(unquote, userinfo.partition(":")[::2]))


def remember_login(username: str, password: str) -> None:
    """Remember a login as HTTP's basic authentication sends it (RFC 7617)."""
    if password:
        remember(b64encode(f"{username}:{password}".encode(errors="replace")).decode().rstrip("="))


def redacted(text: str) -> str:
    """Return a text without the known secrets, in any case."""
    # All of them are found before any is replaced: where two overlap, none leaves its rest.
    spans = sorted(_spans(_lower(text)))
    parts: list[str] = []
    end = 0
    for first, last in spans:
        if first > end or not parts:
            parts += [text[end:first], HIDDEN]
        end = max(end, last)
    return "".join([*parts, text[end:]])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for secret in _known:
        at = text.find(secret)
        while at >= 0:
            yield at, at + len(secret)
            at = text.find(secret, at + 1)


def _lower(text: str) -> str:
    """Return a text of the same length in lower case, as servers may repeat it."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def safe(text: str) -> str:
    """Return a text without the secrets that are known, and with scheme, host and port alone of addresses."""
    return redacted(without_secrets(redacted(text)))


def guard_tracebacks() -> None:
    """Pass through `safe` what Python and its logging print of errors that nobody handled."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _print_exception
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _print_thread_exception
    if logging.getLogRecordFactory() is logging.LogRecord:
        logging.setLogRecordFactory(_record)


def _forms(secret: str) -> set[str]:
    plain = {secret, unquote(secret)}
    quoted = {quote(each, safe="", errors="replace") for each in plain}
    return plain | quoted | {json.dumps(each, ensure_ascii=False)[1:-1] for each in plain}


def _print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(safe("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)  # noqa: T201


def _print_thread_exception(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and arguments.exc_type is not SystemExit:
        _print_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def _record(*arguments: object, **named: object) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **named)  # type: ignore[arg-type]
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = safe("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    with suppress(TypeError, ValueError, KeyError):
        # What does not fit together, logging itself complains of.
        record.msg, record.args = safe(record.getMessage()), ()
    return record
