"""Credentials in URLs never reach a log."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewire.log import Seldom, without_credentials
from tests.places import ROOT

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=3, max_size=20)


@given(user=words, password=words, host=words)
def test_user_and_password_of_a_url_are_taken_out(user: str, password: str, host: str) -> None:
    text = without_credentials(f"cannot open rtsp://Q{user}Q:Z{password}Z@{host}/x and http://{host}/y")
    assert f"Q{user}Q" not in text
    assert f"Z{password}Z" not in text
    assert f"{host}/x" in text
    assert f"http://{host}/y" in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_log_lines_carry_no_credentials(form: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from facewire.log import open_log\n"
        f"log = open_log('test', 'INFO', {form!r})\n"
        "try:\n    raise OSError('rtsp://user:sesame@host/x')\n"
        "except OSError:\n    log.exception('failed at rtsp://user:sesame@host/y', url='rtsp://user:sesame@host/z')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=True)
    assert "failed at" in done.stderr
    assert "sesame" not in done.stderr
    if form == "json":
        assert json.loads(done.stderr)["service"] == "test"


def test_seldom_lets_each_kind_through_once_in_a_while() -> None:
    seldom = Seldom(60)
    assert [seldom.due("a", now) for now in (0, 1, 59, 60, 61)] == [True, False, False, True, False]
    assert seldom.due("b", 1)
