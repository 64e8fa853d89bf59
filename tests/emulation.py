"""An arm64 Debian in a folder, in which qemu runs the detector as a Pi would: no Docker, nothing changed on the host.

`python -m tests.emulation` makes it in about ten seconds: Debian's arm64 packages of Python are unpacked, not
installed, by an apt that keeps lists and status in that folder, and pip adds the detector's pinned packages for arm64.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from tests.places import KEPT, ROOT

DEBIAN_PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
PINS = ROOT / "requirements" / "detector.txt"
# What `detector.backends.tvm` imports; the whole of requirements/detector.txt would be twice as much.
PYTHON_PACKAGES = ("apache-tvm", "apache-tvm-ffi", "msgspec", "numpy", "opencv-python-headless", "typing-extensions")
# 240 MB that only compiling needs.
LEFT_OUT = "tvm/lib/libtvm_compiler.so"
# glibc 2.17 to Debian 13's 2.41.
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(17, 42)]
EMULATOR = "qemu-aarch64"
FOLDER = KEPT / "arm64"
STAMP = FOLDER / "made-of"


class NotThereError(Exception):
    """The emulated machine is not there; the text says why."""


def main() -> None:
    """Make the folder, whole or not at all; nothing to do where it is there already."""
    if STAMP.exists() and STAMP.read_text() == _made_of():
        return
    half_done = FOLDER.with_suffix(".tmp")
    for folder in (half_done, FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    _unpack_debian(half_done / "apt", half_done / "root")
    _install_python_packages(half_done / "root", half_done / "site", half_done / "pins.txt")
    shutil.rmtree(half_done / "apt")
    (half_done / STAMP.name).write_text(_made_of())
    half_done.rename(FOLDER)


def run_python(cpu: str, code: str, *arguments: str, within_s: float) -> bytes:
    """Run Python code on an emulated CPU, with this tree's packages; return what it writes to standard output.

    Args:
        cpu: as qemu names it.
        code: what `python -c` gets.
        arguments: its `sys.argv[1:]`.
        within_s: it is ended after this time.

    Raises:
        NotThereError: there is no emulator, or no arm64 Debian.
        subprocess.CalledProcessError: it failed; `stderr` says why.
    """
    emulator = shutil.which(EMULATOR)
    if emulator is None:
        raise NotThereError(f"no {EMULATOR} (Debian: qemu-user)")
    if not STAMP.exists():
        raise NotThereError(f"{FOLDER} is missing: python -m tests.emulation")
    root = FOLDER / "root"
    path = os.pathsep.join(map(str, (FOLDER / "site", ROOT, ROOT / "services" / "detector")))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(FOLDER / "pycache")}
    # Without core dumps: qemu would leave one here for an instruction that the CPU does not know.
    command = ["prlimit", "--core=0", emulator, "-cpu", cpu, "-L", str(root)]
    command += [str(root / "usr" / "bin" / "python3"), "-c", code, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, timeout=within_s).stdout


def _made_of() -> str:
    release = Path("/etc/os-release").read_bytes()
    return hashlib.sha256(release + PINS.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _unpack_debian(apt: Path, root: Path) -> None:
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    places = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
    }
    command = ["apt-get", "-qq", "--yes", *(f"-o{name}={value}" for name, value in places.items())]
    _run(*command, "update")
    _run(*command, "--no-install-recommends", "--download-only", "install", *DEBIAN_PACKAGES)
    root.mkdir()
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        _run("dpkg-deb", "--extract", str(package), str(root))
    # Debian 13 has its loader in /usr/lib, and programs look for it in /lib.
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")


def _install_python_packages(root: Path, site: Path, pins: Path) -> None:
    # A link to python3.11 or the like.
    version = (root / "usr" / "bin" / "python3").readlink().name.removeprefix("python")
    pins.write_text("\n".join(_pins(version)))
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", version]
    command += ["--ignore-requires-python"]
    command += [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    _run(*command, "--target", str(site), "--requirement", str(pins))
    (site / LEFT_OUT).unlink()


def _pins(version: str) -> Iterator[str]:
    """Give the pins for a Python on arm64: pip itself would judge them by the Python that it runs on."""
    python = {"python_version": version, "python_full_version": f"{version}.0", "platform_machine": "aarch64"}
    for pin in re.sub(r" *\\\n *", " ", PINS.read_text()).splitlines():
        requirement, *hashes = pin.split(" --hash=")
        parsed = Requirement(requirement)
        if parsed.name in PYTHON_PACKAGES and (parsed.marker is None or parsed.marker.evaluate(python)):
            yield " --hash=".join((f"{parsed.name}{parsed.specifier}", *hashes))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except FileNotFoundError:
        sys.exit(f"emulation: {command[0]} is missing")
    except subprocess.CalledProcessError as error:
        sys.exit(f"emulation: {command[0]} failed: {error.stderr.strip()}")


if __name__ == "__main__":
    main()
