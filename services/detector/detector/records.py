"""Records of tuning: which tiles or traces were found better than the rules' own, kept as small readable files.

A file is for one kind of vector unit. Shipped ones lie beside the manifest in `models/tuning`; a host's own, which
win over them, in the cache. No TVM here: the service reads them to name the library that they make.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from facewire.models import MANIFEST

FORMAT = 1
SHIPPED = MANIFEST.with_name("tuning")
OWN = "tuning"
"""A host's own records, in the cache."""
KINDS = ("avx512f", "avx2", "simd128")
"""Vector units that records are for."""


class RecordError(Exception):
    """A file of records cannot be used; the text is one line that says what to do."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found better for a task than the rule's own choice.

    Args:
        task: the task's name.
        threads: how many threads an inference uses.
        rule_ms: what the rule's own choice takes; for a trace, TVM's default loops.
        record_ms: what the record takes, measured in turn with it.
        tiles: the rule's choices, where a rule serves the task.
        trace: MetaSchedule's, where none does.
    """

    task: str
    threads: int
    rule_ms: float
    record_ms: float
    tiles: dict[str, tuple[int, ...]] | None = None
    trace: list[Any] | None = None


NO_RECORDS: Mapping[str, Record] = MappingProxyType({})


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    kind: str
    sha256: str
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Found:
    """The records that apply to a compilation, by task.

    Args:
        records: the best known for each task.
        complaints: files that were passed over, a line each.
    """

    records: Mapping[str, Record]
    complaints: tuple[str, ...] = ()


def read(path: Path, kind: str) -> tuple[Record, ...]:
    """Read a file of records.

    Args:
        path: the file.
        kind: the vector unit that they must be for.

    Raises:
        RecordError: it is missing, damaged or for something else.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror}): name a file that `tune` wrote") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} is no file of tuning records ({_line(error)}): {_mend(path)}") from error
    if file.format != FORMAT:
        raise RecordError(f"{path} has format {file.format}, this version reads {FORMAT}: {_mend(path)}")
    if file.kind != kind:
        raise RecordError(f"{path} is for {file.kind}, not {kind}: {_mend(path)}")
    if file.sha256 != _digest(kind, file.records):
        raise RecordError(f"{path} is damaged or was edited (its sha256 is another): {_mend(path)}")
    return tuple(file.records)


def write(path: Path, kind: str, records: Iterable[Record]) -> None:
    """Write records, the best of each task and number of threads, sorted; whole or not at all."""
    ordered = sorted(records, key=lambda record: (record.task, record.threads))
    lines = ",\n".join(f"  {_encoded(record)}" for record in ordered)
    head = f'"format": {FORMAT},\n "kind": {json.dumps(kind)},\n "sha256": "{_digest(kind, ordered)}"'
    path.parent.mkdir(parents=True, exist_ok=True)
    half_done = path.with_suffix(".tmp")
    half_done.write_text(f'{{{head},\n "records": [\n{lines}\n ]}}\n', encoding="utf-8")
    half_done.replace(path)


def merged(old: Iterable[Record], new: Iterable[Record]) -> tuple[Record, ...]:
    """Return all records, the new one where both have one for a task and number of threads."""
    return tuple({(record.task, record.threads): record for record in (*old, *new)}.values())


def applying(paths: Sequence[Path], kind: str, threads: int) -> Found:
    """Return what is known for a kind of vector unit and a number of threads.

    Args:
        paths: files of records that exist, those that win last.
        kind: the vector unit.
        threads: how many threads an inference uses.
    """
    records: dict[str, Record] = {}
    complaints = []
    for path in paths:
        try:
            records |= {record.task: record for record in read(path, kind) if record.threads == threads}
        except RecordError as error:
            complaints.append(str(error))
    return Found(records, tuple(complaints))


def own_file(cache: Path, kind: str, cpu: str) -> Path:
    """Name the file of what was tuned on a host."""
    return cache / OWN / f"{kind}-{cpu}.json"


def paths_of(kind: str, cache: Path, cpu: str) -> tuple[Path, ...]:
    """Return the files that there are for a kind of vector unit and a host; what wins comes last."""
    return tuple(path for path in (SHIPPED / f"{kind}.json", own_file(cache, kind, cpu)) if path.exists())


def fingerprint(paths: Iterable[Path]) -> str:
    """Return a text that changes when any of these files does; one that is not there counts as empty."""
    return hashlib.sha256(b"\0".join(path.read_bytes() if path.exists() else b"" for path in paths)).hexdigest()


def _encoded(record: Record) -> str:
    fields = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None}
    return json.dumps(fields)


def _digest(kind: str, records: Iterable[Record]) -> str:
    return hashlib.sha256("\n".join([kind, *map(_encoded, records)]).encode()).hexdigest()


def _mend(path: Path) -> str:
    where = "restore it from the repository" if path.parent == SHIPPED else "remove it"
    return f"{where}, or tune again (`python -m detector tune`)"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:80]
