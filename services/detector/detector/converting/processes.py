"""Do a heavy part of a conversion as a process of its own, and say in one line why it failed."""

import re
import subprocess
import sys
from pathlib import Path

from detector.converting.problems import ConversionError, one_line

REFUSED = 2
"""Exit code of a part that cannot do what was asked for; its last line says why."""
PLACE = re.compile(r'File "([^"]+)", line (\d+)')


def run_module(module: str, *arguments: str | Path) -> None:
    """Run a module of ours with this interpreter and wait for it.

    Raises:
        ConversionError: it failed.
    """
    _run([sys.executable, "-m", module, *map(str, arguments)])


def run_script(python: Path, script: Path, *arguments: str | Path) -> None:
    """Run a script with the interpreter of another environment and wait for it.

    Raises:
        ConversionError: it failed.
    """
    try:
        _run([str(python), str(script), *map(str, arguments)])
    except OSError as error:
        raise ConversionError(f"--python: {python} cannot be run ({error.strerror})") from error


def _run(command: list[str]) -> None:
    # PyTorch prints whole graphs before it gives up, and a reader's network may print what it likes.
    quiet, kept = subprocess.DEVNULL, subprocess.PIPE
    done = subprocess.run(command, check=False, stdout=quiet, stderr=kept, text=True, errors="replace")  # noqa: S603
    if not done.returncode:
        return
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == REFUSED:
        raise ConversionError(last)
    if done.returncode < 0:
        raise ConversionError(f"{Path(command[-2]).name} was ended by signal {-done.returncode} (out of memory?)")
    # Whoever wrote the network wants to know where in it an exception came from.
    places = PLACE.findall(done.stderr)
    where = f" ({places[-1][0]}, line {places[-1][1]})" if places else ""
    raise ConversionError(one_line(f"{last}{where}"))
