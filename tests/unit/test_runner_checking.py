"""A local run starts nothing over a setting that a service would refuse."""

import os
import subprocess

import pytest

from tests.places import ROOT


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("CAMERA", "ftp://user:s3cr3t@host/x", "has a URL that is not rtsp://"),
        ("SCORE_THRESHOLD", "s3cr3t", "Not a valid number"),
        ("TRACKER", "s3cr3t", "Must be one of: flow"),
        ("SPEECH_WEBHOOK_URL", "http://user:s3cr3t@host", "is no address"),
        ("MAX_VIEWERS", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_of_any_service_ends_a_local_run_at_once(name: str, value: str, complaint: str) -> None:
    clean = {each: os.environ[each] for each in ("PATH", "HOME") if each in os.environ}
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "runner", "--headless", "--duration", "1"],
        cwd=ROOT,
        env=clean | {name: value},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 2
    assert done.stderr.startswith(f"facewire: {name}: ")
    assert complaint in done.stderr
    assert "s3cr3t" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
