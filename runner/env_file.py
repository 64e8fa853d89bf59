"""`scripts/check-env [FILE]`: look into `.env` for what compose would cut, replace or ignore without a word.

Needs nothing but Python: a Pi with Docker has no environment of this project's. No line repeats a value.
https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from facewire.given import flaw, oddity

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_FILES = "docker-compose*.yml"
# Compose's and Docker's own, which no service reads.
FOREIGN = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_")
SEVERAL_LINES = ("CAMERAS",)
QUOTING = "put the value between single quotes"
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:][ \t]*")
_USED = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
_DOLLAR = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$")
_ESCAPE = re.compile(r'\\(?!")')
_QUOTE_ESCAPED = re.compile(r"""\\['"]""")
# `# a comment` has a blank behind its sign, a password seldom; of a secret anything is told.
_COMMENT = re.compile(r"\s+#(?=\S)")
_ANY_COMMENT = re.compile(r"\s+#")
_SECRET = re.compile(r"(.*(PASSWORD|KEY|SECRET|TOKEN|URL|USERNAME)|CAMERAS?|MQTT_HOST)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One `NAME=value` of the file.

    Args:
        line: where it begins, from 1.
        name: the variable.
        value: as compose reads it, before it replaces variables.
        quote: what stands round it, or "".
        problem: what is wrong with how it is written, or "".
    """

    line: int
    name: str
    value: str
    quote: str = ""
    problem: str = ""


def entries(text: str) -> Iterator[Entry]:
    """Yield the file's entries; a line that is none has no name."""
    position = 0
    while position < len(text):
        end = _line_end(text, position)
        content, line = text[position:end], text.count("\n", 0, position) + 1
        found = _NAME.match(text, position, end)
        if not content.strip() or content.lstrip().startswith("#"):
            position = end + 1
        elif found is None:
            yield Entry(line, "", "", problem="is no NAME=value")
            position = end + 1
        else:
            entry, position = _entry(text, found, line, end)
            yield entry


def problems(text: str, known: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong, one line each: the place, the name, and what to do.

    Args:
        text: the file.
        known: names that are read by somebody.
    """
    names = sorted(known)
    seen: set[str] = set()
    for entry in entries(text):
        found = [entry.problem] if entry.problem else list(_of_value(entry, seen))
        found += _of_name(entry.name, names) if entry.name else []
        if entry.name in seen and entry.name:
            found.append("is set once more; the last counts")
        seen.add(entry.name)
        yield from (f"{entry.line}: {f'{entry.name} ' if entry.name else ''}{each}" for each in found)


def known_names(root: Path = ROOT) -> frozenset[str]:
    """Return every name that compose files pass on or use themselves."""
    texts = (path.read_text(encoding="utf-8") for path in root.glob(COMPOSE_FILES))
    return frozenset(name for text in texts for name in _USED.findall(text))


def nearest(name: str, known: Sequence[str], least: float = 0.6) -> str:
    """Return the known name that a name may be meant for, "" if none is near."""
    return next(iter(get_close_matches(name.upper(), known, 1, least)), "")


def main(arguments: Sequence[str]) -> int:
    """Print the mistakes in a file; return 2 if there are any."""
    path = Path(arguments[0]) if arguments else Path(".env")
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print("usage: scripts/check-env [FILE]", file=sys.stderr)
        return 2
    try:
        # What is not UTF-8 becomes what no setting may hold.
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        print(f"facewire: {path}: cannot be read ({error.strerror}); `cp .env.example .env` makes one", file=sys.stderr)
        return 2
    found = list(problems(text, known_names()))
    for each in found:
        print(f"facewire: {path}:{each}", file=sys.stderr)
    if not found:
        print(f"{path}: nothing that compose would cut or ignore")
    return 2 if found else 0


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _entry(text: str, found: re.Match[str], line: int, end: int) -> tuple[Entry, int]:
    """Return an entry, and where the next line begins."""
    name, begin = found[1], found.end()
    quote = text[begin : begin + 1]
    if quote not in ("'", '"'):
        # Windows ends its lines with two characters, of which compose leaves out both.
        raw = text[begin:end].removesuffix("\r")
        cut = (_ANY_COMMENT if _SECRET.fullmatch(name) else _COMMENT).search(raw)
        problem = f"is cut at its ` #`; {QUOTING}" if cut else ""
        value = _ANY_COMMENT.split(raw, maxsplit=1)[0].strip()
        return Entry(line, name, value, problem=problem), end + 1
    closing = re.compile(rf"(?<!\\){quote}").search(text, begin + 1)
    if closing is None:
        return Entry(line, name, "", quote, "has a quote that never ends"), end + 1
    value, after = text[begin + 1 : closing.start()], _line_end(text, closing.end())
    rest = text[closing.end() : after].strip()
    problem = "" if not rest or rest.startswith("#") else f"has text behind its closing quote; {QUOTING}"
    return Entry(line, name, value, quote, problem), after + 1


def _of_value(entry: Entry, before: set[str]) -> Iterator[str]:
    wrong = flaw(entry.value, lines=entry.name in SEVERAL_LINES)
    if wrong:
        yield wrong
    escapes = {'"': _ESCAPE, "'": _QUOTE_ESCAPED}.get(entry.quote)
    if escapes and escapes.search(entry.value):
        yield "has a backslash that compose leaves out, or takes for the beginning of another sign"
    # Between single quotes nothing is replaced.
    dollars = () if entry.quote == "'" else _DOLLAR.finditer(entry.value)
    if any(found[0] != "$$" and found[1] not in before for found in dollars):
        yield f"has a `$`, and compose replaces what follows it; {QUOTING}"
    elif oddity(entry.value) and not wrong:
        yield oddity(entry.value)


def _of_name(name: str, known: Sequence[str]) -> list[str]:
    if name in known or name.startswith(FOREIGN):
        return []
    near = nearest(name, known)
    return [f"is read by nobody{f'; is {near} meant?' if near else ''}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
