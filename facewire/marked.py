"""Read YAML that people write, so that every complaint names the file, line and column, what was expected, what found.

Nodes are read, never built into objects. What makes YAML dangerous or unlike what it seems is refused: anchors and
aliases (a few lines can stand for billions), tags, deep nesting, keys that come twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

LIMIT_BYTES = 65_536
DEEPEST = 12
SHOWN_CHARACTERS = 40
MIXED_CHARACTERS = 8
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")
_PLAIN = "tag:yaml.org,2002:"
_PYTHON = f"{_PLAIN}python/"


class MarkedError(ValueError):
    """A mistake in a file, told in one line that begins with its place."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One part of a file and where it stands.

    Args:
        path: the file.
        node: the part.
        hidden: whether what stands here and below may be secret, so that no complaint repeats it.
    """

    path: Path
    node: yaml.Node
    hidden: bool = False

    @property
    def is_nothing(self) -> bool:
        """Say whether nothing is written here, as where all entries of a list are commented out."""
        return self.node.tag == f"{_PLAIN}null"

    def refuse(self, expected: str, found: str = "") -> NoReturn:
        """Complain of this part.

        Raises:
            MarkedError: always.
        """
        raise _error(
            self.path,
            self.node.start_mark,
            f"expected {expected}, found {found or _shown(self.node, hidden=self.hidden)}",
        )

    def hide(self, *, hidden: bool = True) -> "Marked":
        """Return this part as one that no complaint repeats, or, not `hidden`, that complaints may repeat."""
        return replace(self, hidden=hidden)

    def mapping(self, expected: str, *, most: int) -> dict[str, tuple["Marked", "Marked"]]:
        """Return each key's name with the key and its value; nothing is a mapping without keys.

        Raises:
            MarkedError: it is no mapping, too large, or a key is no text or comes twice.
        """
        if self.is_nothing:
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            self.refuse(expected)
        if len(self.node.value) > most:
            self.refuse(f"{expected}, {most} at the most", f"{len(self.node.value)} of them")
        found: dict[str, tuple[Marked, Marked]] = {}
        for key_node, value_node in self.node.value:
            key = replace(self, node=key_node)
            name = key.text("a name")
            if name in found:
                again = "one" if self.hidden else name
                key.refuse("each name once", f"{again} again, after line {found[name][0].node.start_mark.line + 1}")
            found[name] = (key, replace(self, node=value_node))
        return found

    def fields(self, expected: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, "Marked"]:
        """Return the values of a mapping whose keys are known.

        Raises:
            MarkedError: as `mapping`; or a key is unknown or missing.
        """
        known = (*required, *optional)
        found = self.mapping(expected, most=64)
        for name, (key, _) in found.items():
            if name not in known:
                key.refuse(f"one of {', '.join(known)}")
        for name in required:
            if name not in found:
                self.refuse(f"{expected} with {' and '.join(required)}", f"no {name}")
        return {name: value for name, (_, value) in found.items()}

    def items(self, expected: str, *, least: int = 0, most: int) -> list["Marked"]:
        """Return a list's entries; nothing is a list without entries.

        Raises:
            MarkedError: it is no list, too short or too long.
        """
        if self.is_nothing and not least:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.refuse(expected)
        count = len(self.node.value)
        if not least <= count <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}" if least else f"{most} at the most"
            self.refuse(f"{expected}, {wanted}", f"{count}")
        return [replace(self, node=each) for each in self.node.value]

    def text(self, expected: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return a text.

        Raises:
            MarkedError: it is none, or the pattern does not match all of it.
        """
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != f"{_PLAIN}str":
            self.refuse(expected)
        text = str(self.node.value)
        if pattern is not None and pattern.fullmatch(text) is None:
            self.refuse(expected)
        return text

    def number(self, expected: str, low: float, high: float) -> float:
        """Return a number within low..high, written in decimals.

        Raises:
            MarkedError: it is none, or outside.
        """
        # By its looks: YAML would take 0:30 for a number in base 60 and 1e-3 for a text.
        if not isinstance(self.node, yaml.ScalarNode) or self.node.style or not NUMBER.fullmatch(self.node.value):
            self.refuse(expected)
        number = float(self.node.value)
        if not low <= number <= high:
            self.refuse(expected)
        return number

    def flag(self, expected: str) -> bool:
        """Return yes or no in any of YAML's words for it: `on`, `yes`, `true`, and their opposites.

        Raises:
            MarkedError: it is neither.
        """
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != f"{_PLAIN}bool":
            self.refuse(expected)
        return self.node.value.lower() in ("on", "yes", "true")

    @property
    def is_list(self) -> bool:
        """Say whether a list is written here."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_flag(self) -> bool:
        """Say whether YAML takes what is written here for yes or no."""
        return self.node.tag == f"{_PLAIN}bool"


def read(path: Path) -> Marked | None:
    """Read a file of one YAML document; None where it holds none.

    Raises:
        MarkedError: it is too large, no UTF-8, no YAML, or holds what is refused.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(LIMIT_BYTES + 1)
    if len(raw) > LIMIT_BYTES:
        raise MarkedError(f"{path}: expected {LIMIT_BYTES} bytes at the most, found more")
    try:
        root = _Composer(raw.decode("utf-8-sig")).get_single_node()
    except UnicodeDecodeError as error:
        raise MarkedError(
            f"{path}:{_place(raw[: error.start])}: expected UTF-8, found byte {raw[error.start]}"
        ) from None
    except yaml.reader.ReaderError as error:
        before = raw.decode("utf-8-sig")[: error.position].encode()
        raise MarkedError(f"{path}:{_place(before)}: expected text, found character {error.character}") from None
    except _UnwantedError as error:
        raise _error(path, error.problem_mark, f"expected plain YAML, found {error.problem}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(path, mark, f"expected YAML, found what is none: {_problem(error)}") from None
    return None if root is None else Marked(path, root)


class _UnwantedError(yaml.MarkedYAMLError):
    """YAML that is right, and that no file of ours needs."""


class _Composer(yaml.SafeLoader):
    """Makes nodes of what is wanted."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:  # noqa: ANN401  PyYAML does not say
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if event.anchor is not None:
            raise _UnwantedError(problem="an anchor (&) or alias (*)", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _UnwantedError(problem=f"the tag {_tag(event.tag)}", problem_mark=event.start_mark)
        if self._depth >= DEEPEST:
            raise _UnwantedError(problem=f"more than {DEEPEST} levels", problem_mark=event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def scan_flow_scalar_non_spaces(self, double: Any, start_mark: Any) -> Any:  # noqa: ANN401
        # PyYAML looks at an escape's digits, and not whether Unicode has such a character.
        try:
            return super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError) as error:
            told = "an escape that stands for no character"
            raise _UnwantedError(problem=told, problem_mark=self.get_mark()) from error


def _error(path: Path, mark: Any, complaint: str) -> MarkedError:  # noqa: ANN401  PyYAML's Mark, or none
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else f"{path}"
    return MarkedError(f"{place}: {' '.join(complaint.split())}")


def _place(before: bytes) -> str:
    lines = before.decode("utf-8-sig").split("\n")
    return f"{len(lines)}:{len(lines[-1]) + 1}"


def _tag(tag: str) -> str:
    # What begins with `!` need not be meant for a tag: it may be a password.
    return tag if tag.startswith(_PYTHON) else "that a `!` makes; quotes make it a text"


def _problem(error: yaml.MarkedYAMLError) -> str:
    # The one thing that PyYAML quotes at length is the handle of a tag, which may be as little meant for one.
    return (error.problem or error.context or "").partition(" handle ")[0]


def _shown(node: yaml.Node, *, hidden: bool) -> str:
    kind = node.tag.removeprefix(_PLAIN)
    if isinstance(node, yaml.SequenceNode):
        return f"a list of {len(node.value)}"
    if isinstance(node, yaml.MappingNode):
        return "a mapping" if node.value else "an empty mapping"
    if kind == "null":
        return "nothing"
    value = str(node.value)
    if kind == "str":
        return "another text" if hidden or _may_be_secret(value) else repr(value[:SHOWN_CHARACTERS])
    text = "a value" if hidden else repr(value[:SHOWN_CHARACTERS])
    return f"{text}, which YAML takes for {_KINDS.get(kind, kind)}"


def _may_be_secret(text: str) -> bool:
    if "://" in text or "@" in text:
        return True
    # A password, or a token, as people are told to choose them.
    mixed = any(each.isdigit() for each in text) and any(each.isalpha() for each in text)
    return mixed and len(text) >= MIXED_CHARACTERS and not any(each.isspace() for each in text)


_KINDS = {"bool": "yes or no (quotes make it a text)", "int": "a number", "float": "a number", "timestamp": "a date"}
