"""Environments for what must not be installed beside the detector: made on demand, kept in `.facewire`."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows.pipe import ROOT


class VenvError(Exception):
    """The environment cannot be made; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Venv:
    """An environment.

    Args:
        name: of its folder.
        whole: packages that come with what they need.
        alone: packages that come without; what the bench uses of them needs none of it.
        costs: what a reader should know before it is made.
    """

    name: str
    whole: tuple[str, ...]
    alone: tuple[str, ...]
    costs: str

    def ready(self) -> Path:
        """Return its interpreter, made first where it is missing.

        Raises:
            VenvError: a package cannot be had.
        """
        folder = ROOT / ".facewire" / self.name
        stamp, wanted = folder / ".bench", hashlib.sha256(repr((self.whole, self.alone)).encode()).hexdigest()
        python = folder / "bin" / "python"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            print(f"bench: making {folder.relative_to(ROOT)} ({self.costs})", file=sys.stderr, flush=True)
            _run(sys.executable, "-m", "venv", str(folder))
            pip = (str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
            _run(*pip, "--only-binary", ":all:", *self.whole)
            if self.alone:
                _run(*pip, "--only-binary", ":all:", "--no-deps", *self.alone)
            stamp.write_text(wanted, encoding="utf-8")
        return python


TORCH = Venv(
    "torch-venv",
    ("torch==2.13.0", "numpy>=2.2", "onnx>=1.19"),
    ("torchvision==0.28.0", "pillow>=12"),
    "PyTorch: 1 GB, or 6 GB where pip only finds a build with CUDA; --no-torch leaves it out",
)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise VenvError(f"{' '.join(command[-2:])}: {(errors or [f'exit code {done.returncode}'])[-1]}")
