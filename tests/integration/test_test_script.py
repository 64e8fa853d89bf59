"""`scripts/test` runs every part whatever an earlier one ends with, and reports all; a signal ends it at once."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.servers import wait_for

# Stands in for pytest: writes down its arguments, and ends as its part is told to.
PYTHON = """#!/bin/sh
echo "$*" >> ran
case "$*" in
  *"not e2e"*) sleep "${FIRST_TAKES_S:-0}"; exit "${FIRST:-0}" ;;
  *e2e*) exit "${SECOND:-0}" ;;
esac
exit "${NAMED:-0}"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which nothing is slow."""
    programs = {"scripts/setup": "#!/bin/sh\n", "scripts/check": '#!/bin/sh\nexit "${CHECK:-0}"\n'}
    for name, text in {**programs, ".venv/bin/python": PYTHON}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts" / "test")
    return tmp_path


def start(clone: Path, *arguments: str, **codes: str) -> subprocess.Popen[str]:
    command = [str(clone / "scripts" / "test"), *arguments]
    # A shell cannot trap what was ignored when it began, and a background job's SIGINT is.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(command, env=os.environ | codes, stdout=subprocess.PIPE, text=True, process_group=0)
    finally:
        signal.signal(signal.SIGINT, before)


def ran(clone: Path) -> list[str]:
    return (clone / "ran").read_text().splitlines() if (clone / "ran").exists() else []


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({}, ("passed", "passed", "passed", 0)),
        ({"FIRST": "1"}, ("passed", "FAILED", "passed", 1)),
        ({"SECOND": "1"}, ("passed", "passed", "FAILED", 1)),
        ({"FIRST": "1", "SECOND": "1"}, ("passed", "FAILED", "FAILED", 1)),
        # Two is what pytest says of a file that it cannot import.
        ({"FIRST": "2"}, ("passed", "FAILED", "passed", 1)),
        ({"FIRST": "139"}, ("passed", "FAILED", "passed", 1)),
        ({"CHECK": "1"}, ("FAILED", "passed", "passed", 1)),
    ],
)
def test_every_part_runs_and_is_reported(
    codes: dict[str, str], expected: tuple[str, str, str, int], clone: Path
) -> None:
    script = start(clone, **codes)
    printed, _ = script.communicate(timeout=20)
    *states, code = expected
    summary = printed.partition("==> summary\n")[2].splitlines()
    assert [line.split()[0] for line in summary] == states
    assert script.returncode == code
    assert ["not e2e" in each for each in ran(clone)] == [True, False]


def test_arguments_go_to_pytest_and_its_code_comes_back(clone: Path) -> None:
    script = start(clone, "-k", "tracker", NAMED="5")
    script.communicate(timeout=20)
    assert (script.returncode, ran(clone)) == (5, ["-m pytest -k tracker"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once(number: signal.Signals, code: int, clone: Path) -> None:
    script = start(clone, FIRST_TAKES_S="30")
    wait_for(lambda: bool(ran(clone)), "the first part")
    started_s = time.monotonic()
    script.send_signal(number)
    # Its output ends with the last process that could still write to it.
    printed, _ = script.communicate(timeout=20)
    assert time.monotonic() - started_s < 15
    assert script.returncode == code
    assert (len(ran(clone)), "summary" in printed) == (1, False)
