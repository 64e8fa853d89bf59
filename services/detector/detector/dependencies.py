"""What the time of a backend depends on beside its own file: packages, libraries, drivers, devices, settings.

A remembered measurement holds as long as all of this is as it was. Each backend names its own dependencies.
"""

import glob
import hashlib
import os
import platform
import re
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARY_CACHE = "etc/ld.so.cache"
LIBRARY_FOLDERS = ("lib", "usr/lib", "usr/local/lib", "lib64", "usr/lib64", "usr/local/lib64")


@dataclass(frozen=True, slots=True)
class Host:
    """A machine as dependencies see it.

    Args:
        root: of its file system.
        environment: variables of the process that uses the backend.
    """

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=dict)

    def files(self, *patterns: str) -> list[Path]:
        """Return the files that match patterns; those that begin with a slash count from the root too."""
        found = {name for each in patterns for name in glob.glob(str(self.root / each.lstrip("/")))}  # noqa: PTH207
        return [Path(each) for each in sorted(found)]

    def library(self, name: str) -> list[Path]:
        """Return the files that the dynamic linker may load under a name, or the file itself where it has a path."""
        if "/" in name:
            return self.files(glob.escape(name))
        folders = [each for each in self.environment.get("LD_LIBRARY_PATH", "").split(":") if each]
        native = sysconfig.get_config_var("MULTIARCH") or ""
        folders += [each for folder in LIBRARY_FOLDERS for each in (f"{folder}/{native}", folder)]
        listed = re.findall(rb"[^\0]+/" + re.escape(name.encode()) + rb"(?=\0)", self._library_cache())
        places = [*(f"{folder}/{name}" for folder in folders), *(each.decode(errors="replace") for each in listed)]
        return self.files(*map(glob.escape, places))

    def _library_cache(self) -> bytes:
        try:
            return (self.root / LIBRARY_CACHE).read_bytes()
        except OSError:
            return b""


def _no_files(_: Host) -> Iterable[Path]:
    return ()


def _nothing_seen(_: Host) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies of one backend.

    Args:
        packages: Python packages; their versions count.
        libraries: names of shared libraries, or paths; size and time of change count.
        find: returns more files that count in the same way.
        devices: patterns of device files; that they are there, and open to this user and its groups, counts.
        seen: names devices that have no file of their own.
        contents: patterns of small files whose text counts, such as what the kernel says of a device.
        variables: names of environment variables; one that ends in `*` stands for all that begin so.
    """

    packages: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    find: Callable[[Host], Iterable[Path]] = _no_files
    devices: tuple[str, ...] = ()
    seen: Callable[[Host], Iterable[str]] = _nothing_seen
    contents: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    def lines(self, host: Host) -> Iterator[str]:
        """Give the present state of all dependencies, one line each."""
        for package in self.packages:
            yield f"package {package} {package_version(package)}"
        for library in self.libraries:
            yield from (f"library {library} {state_of(file)}" for file in host.library(library))
        yield from (f"file {state_of(file)}" for file in self.find(host))
        for device in host.files(*self.devices):
            yield f"device {device} {os.access(device, os.R_OK | os.W_OK)}"
        yield from (f"device {each}" for each in self.seen(host))
        if self.devices:
            yield f"user {os.geteuid()} {sorted(os.getgroups())}"
        for file in host.files(*self.contents):
            yield f"content {file} {content_of(file)}"
        for name in sorted(host.environment):
            if any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in self.variables):
                yield f"variable {name}={host.environment[name]}"


def host_lines() -> Iterator[str]:
    """Give what every backend depends on: kernel, and the processors that this process may use."""
    yield f"kernel {platform.machine()} {platform.release()}"
    yield f"processors {len(os.sched_getaffinity(0))}"


def package_version(package: str) -> str:
    """Return the version of a Python package, `none` where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def state_of(file: Path) -> str:
    """Return a text that changes when a file is replaced, removed or points elsewhere."""
    try:
        real = file.resolve(strict=True)
        state = real.stat()
    except OSError:
        return f"{file} missing"
    return f"{file} {real} {state.st_size} {state.st_mtime_ns}"


def content_of(file: Path) -> str:
    """Return the sha256 of a file's content, empty where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
