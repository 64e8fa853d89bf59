"""A local run starts nothing over a setting that a service would refuse, and shares no files with another run."""

import os
import subprocess
from pathlib import Path

import pytest

from runner import options, plan
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


def test_a_second_local_run_shares_no_store_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept"
    with plan.state_folder(tmp_path / "first", kept) as first:
        assert first == kept
        assert capsys.readouterr().err == ""
        with plan.state_folder(tmp_path / "second", kept) as second:
            assert second == tmp_path / "second"
            assert "another local run is going on here" in capsys.readouterr().err
        planned = plan.make(options.parse([]), tmp_path, list(plan.PYTHON_SERVICES), second)
        assert planned.environment["capture"]["STORE_DIR"] == str(second / "store")
    with plan.state_folder(tmp_path / "third", kept) as third:
        assert third == kept
