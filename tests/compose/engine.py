"""The Docker engine of this host: where there must be one and is none, a test fails; elsewhere it is left out."""

import os
import shutil
import subprocess

import pytest

from tests.places import ROOT

OFFLINE_IMAGES = ROOT.parent / "shared" / "offline-images" / "build"


def require_engine() -> None:
    """Have an engine, made if this host has the means, or leave the test out."""
    if not _answers() and OFFLINE_IMAGES.exists():
        subprocess.run([str(OFFLINE_IMAGES)], check=True)
    if not _answers():
        assert not os.environ.get("CI") or not OFFLINE_IMAGES.exists(), "there must be an engine here"
        pytest.skip("left out: no Docker engine answers on this host")


def _answers() -> bool:
    return (
        shutil.which("docker") is not None and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    )
