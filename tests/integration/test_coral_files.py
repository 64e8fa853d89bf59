"""What the Coral's image is given: the driver out of a Debian package, and the network; each right, or a clear line."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from detector.artifacts import EDGE_TPU_MODEL

from facewire.models import Asset, read_manifest
from tests.places import ROOT
from tests.servers import HUNG_S, program

NETWORK = b"a network"
ARCH = "arm64"


def asset(name: str) -> Asset:
    (found,) = (each for each in read_manifest() if each.name == name)
    return found


def package(folder: Path, library: str) -> Path:
    """Make a Debian package that carries one library, as libedgetpu1-std does."""
    root = folder / "package"
    (root / "DEBIAN").mkdir(parents=True)
    control = f"Package: libedgetpu1-std\nVersion: 16.0\nArchitecture: {ARCH}\nMaintainer: x <x@example.org>\n"
    (root / "DEBIAN/control").write_text(f"{control}Description: a test\n", encoding="ascii")
    place = root / "usr/lib/aarch64-linux-gnu"
    place.mkdir(parents=True)
    (place / f"{library}.1.0").write_bytes(b"a driver")
    (place / f"{library}.1").symlink_to(f"{library}.1.0")
    built = folder / "built.deb"
    subprocess.run([program("dpkg-deb"), "--root-owner-group", "--build", str(root), str(built)], check=True)
    return built


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build's folder: our code, and a manifest whose addresses nobody answers at."""
    context = tmp_path / "context"
    (context / "models").mkdir(parents=True)
    shutil.copytree(ROOT / "facewire", context / "facewire", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "services/detector/coral-files", context)
    text = (ROOT / "models/manifest.toml").read_text(encoding="utf-8")
    for name in ("edgetpu-face", f"libedgetpu-{ARCH}"):
        text = text.replace(asset(name).url, f"http://127.0.0.1:9/{Path(asset(name).file).name}")
    (context / "models/manifest.toml").write_text(text, encoding="utf-8")
    return context


def put_beside(context: Path, library: str = "libedgetpu.so") -> None:
    """Put driver and network where the build looks for them, and their hashes into the manifest."""
    driver = package(context.parent, library)
    shutil.copy(driver, context / "models" / asset(f"libedgetpu-{ARCH}").file)
    (context / "models" / EDGE_TPU_MODEL).write_bytes(NETWORK)
    blob = hashlib.sha1(b"blob %d\0" % len(NETWORK) + NETWORK).hexdigest()
    manifest = context / "models/manifest.toml"
    text = manifest.read_text(encoding="utf-8").replace(asset("edgetpu-face").git_blob, blob)
    text = text.replace(asset(f"libedgetpu-{ARCH}").sha256, hashlib.sha256(driver.read_bytes()).hexdigest())
    manifest.write_text(text, encoding="utf-8")


def bring(context: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    # The image's python3 is the one that runs this.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {"PATH": path, "no_proxy": "127.0.0.1"}
    command = ["./coral-files", ARCH, str(folder)]
    return subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, timeout=HUNG_S)


def test_files_put_beside_are_taken_without_a_network(context: Path, tmp_path: Path) -> None:
    put_beside(context)

    done = bring(context, tmp_path / "coral")

    assert done.returncode == 0, done.stderr
    found = {str(path.relative_to(tmp_path / "coral")): path for path in (tmp_path / "coral").rglob("*.*")}
    assert set(found) == {"lib/libedgetpu.so.1", "lib/libedgetpu.so.1.0", f"models/{EDGE_TPU_MODEL}"}
    assert found["lib/libedgetpu.so.1"].read_bytes() == b"a driver"
    assert found[f"models/{EDGE_TPU_MODEL}"].read_bytes() == NETWORK


def test_without_them_and_without_a_network_one_line_says_what_to_bring_and_where(
    context: Path, tmp_path: Path
) -> None:
    done = bring(context, tmp_path / "coral")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    file = asset(f"libedgetpu-{ARCH}").file
    assert done.stderr.startswith(f"facewire: libedgetpu-{ARCH} cannot be fetched: the server cannot be reached")
    assert done.stderr.endswith(f"or bring http://127.0.0.1:9/{file} to models/{file} yourself\n")
    assert not (tmp_path / "coral").exists()


def test_another_driver_than_the_manifests_is_not_taken(context: Path, tmp_path: Path) -> None:
    put_beside(context)
    (context / "models" / asset(f"libedgetpu-{ARCH}").file).write_bytes(b"another")

    done = bring(context, tmp_path / "coral")

    assert done.returncode == 2
    assert f"libedgetpu-{ARCH} cannot be fetched" in done.stderr
    assert not (tmp_path / "coral").exists()


def test_a_package_without_the_driver_is_said(context: Path, tmp_path: Path) -> None:
    put_beside(context, library="libother.so")

    done = bring(context, tmp_path / "coral")

    assert done.returncode == 2
    assert "facewire: there is no libedgetpu.so.1 in models/libedgetpu1-std_" in done.stderr


def test_there_is_a_driver_for_each_machine_and_its_name_says_debian_12() -> None:
    for arch in ("amd64", "arm64"):
        assert asset(f"libedgetpu-{arch}").file.endswith(f".bookworm_{arch}.deb")
    assert "ARG CORAL_PYTHON=python:3.11-slim-bookworm" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
