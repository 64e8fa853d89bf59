"""What is installed is pinned by hash, names no registry, and has wheels for a Pi."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

PINS = sorted((ROOT / "requirements").glob("*.txt"))
SERVICES = ("capture", "detector", "tracker", "iot-bridge", "web")
CONVERSION = "conversion"
LEFT_OUT = {"ai-edge-litert": {"backports-strenum"}, "ncnn": {"portalocker", "requests"}, "pnnx": {"torch"}}
"""What a package claims to need, and its part that is used here does not."""


def test_every_service_is_pinned() -> None:
    assert {path.stem for path in PINS} == {*SERVICES, CONVERSION, "detector-coral", "run", "dev"}


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.stem)
def test_pins_carry_hashes_and_no_address(pins: Path) -> None:
    text = pins.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
    assert len(entries) > 5
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._\-\[\]]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_services_agree_on_versions() -> None:
    # One package may have two versions, told apart by a marker (the newest that still has Python 3.11).
    versions: dict[tuple[str, str], set[str]] = {}
    for pins in PINS:
        for name, version, marker in re.findall(
            r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.*?))? \\$", pins.read_text(encoding="utf-8"), re.MULTILINE
        ):
            versions.setdefault((name, marker), set()).add(version)
    assert {key: found for key, found in versions.items() if len(found) > 1} == {}


def test_nothing_else_is_missing_for_want_of_a_pin() -> None:
    # What is pinned is installed as it stands, without pip looking for what it needs.
    check = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    said = subprocess.run(check, capture_output=True, text=True).stdout
    missing: dict[str, set[str]] = {}
    for line in said.splitlines():
        found = re.fullmatch(r"(\S+) \S+ requires (\S+), which is not installed\.", line)
        assert found or line == "No broken requirements found.", line
        if found:
            missing.setdefault(found[1], set()).add(found[2])
    assert missing == LEFT_OUT


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
@pytest.mark.parametrize("service", [*SERVICES, CONVERSION, "detector-coral"])
def test_every_pin_has_a_wheel(service: str, machine: str, python: str, tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "pip", "install", "--dry-run", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--python-platform", f"{machine}-manylinux_2_28", "--python-version", python]
    command += ["--target", str(tmp_path), "-r", str(ROOT / "requirements" / f"{service}.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
