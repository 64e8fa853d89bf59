"""Secrets never reach a log: neither parts of addresses, nor what the settings say is secret."""

import json
import subprocess
import sys

import pytest

from facewire.log import Seldom
from tests.places import ROOT

LOGGING = """
import sys; sys.path.insert(0, sys.argv[1])
from facewire.log import open_log
from facewire.redaction import remember
remember("sesame-word")
log = open_log("test", "INFO", sys.argv[2])
try:
    raise OSError("rtsp://user:sesame@host/x failed: sesame-word")
except OSError as error:
    log.exception("failed at rtsp://user:sesame@host/y", url="rtsp://host:9/sesame", error=error, many=[b"sesame-word"])
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_log_lines_and_tracebacks_carry_no_secrets(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING, str(ROOT), form], capture_output=True, text=True, check=True)
    assert "failed at rtsp://host" in done.stderr
    assert "rtsp://host:9" in done.stderr
    assert "Traceback" in done.stderr
    assert "sesame" not in done.stderr
    if form == "json":
        assert json.loads(done.stderr)["service"] == "test"


def test_seldom_lets_each_kind_through_once_in_a_while() -> None:
    seldom = Seldom(60)
    assert [seldom.due("a", now) for now in (0, 1, 59, 60, 61)] == [True, False, False, True, False]
    assert seldom.due("b", 1)
