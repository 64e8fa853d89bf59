"""Run `python -m detector convert` as its readers do: a process, in a folder of its own."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.rows.venvs import TORCH, VenvError
from tests.places import MODELS, ROOT

PHOTO = MODELS / "sample1.jpg"


@dataclass(frozen=True, slots=True)
class Done:
    """What a conversion left behind."""

    code: int
    table: list[str]
    said: list[str]
    folder: Path

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


def convert(folder: Path, source: str, *options: str, python: Path | None = None) -> Done:
    """Convert in a folder, where modules are looked for; the files go to a new folder below it."""
    out = Path(tempfile.mkdtemp(prefix="out-", dir=folder))
    command = [
        sys.executable,
        "-m",
        "detector",
        "convert",
        source,
        "--output",
        str(out),
        "--photo",
        str(PHOTO),
        *options,
    ]
    packages = [ROOT, ROOT / "services/detector"]
    told = {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PATH": os.environ["PATH"]}
    with_torch = ["--python", str(python)] if python else []
    done = subprocess.run([*command, *with_torch], cwd=folder, env=told, capture_output=True, text=True, timeout=280)
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), out)


def converted(folder: Path, source: str, *options: str, python: Path | None = None) -> Done:
    done = convert(folder, source, *options, python=python)
    assert done.code == 0, done.said
    return done


def refused(folder: Path, source: str, *options: str, python: Path | None = None) -> str:
    """Convert what cannot be; return the one line for people."""
    done = convert(folder, source, *options, python=python)
    assert done.code == 2, done
    assert done.table == []
    assert done.files() == []
    lines = [line for line in done.said if not line.startswith("detector: ")]
    assert len(lines) == 1, done.said
    assert lines[0].startswith("facewire: ")
    return lines[0]


def python_with_torch() -> Path:
    """Return the interpreter of the environment that the bench uses too, made where it is missing."""
    try:
        return TORCH.ready()
    except VenvError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"PyTorch cannot be had: {error}")
