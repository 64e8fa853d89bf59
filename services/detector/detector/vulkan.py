"""Find what Vulkan's loader would load: manifests of drivers and layers, and the drivers that they name."""

import json
from collections.abc import Iterator
from pathlib import Path

from detector.dependencies import Host

LOADER = "libvulkan.so.1"
KINDS = ("icd.d", "implicit_layer.d")
"""Folders of drivers' manifests, and of layers that every program gets."""
MANIFEST_LISTS = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES")
"""Variables that name manifests, or folders of them, separated by colons."""
SYSTEM_FOLDERS = ("/etc", "/usr/local/share", "/usr/share", "/usr/local/etc")
CONTENTS = ("/proc/driver/nvidia/version", "/sys/class/drm/renderD*/device/uevent")
"""What the kernel says of a GPU and its driver."""
DEVICES = ("/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/kfd", "/dev/mali*", "/dev/dxg")
VARIABLES = ("VK_*", "MESA_VK_*", "MESA_LOADER_*", "LP_NUM_THREADS", "DRI_PRIME")
"""Which driver and device is taken. Folders are looked into, so that variables that name them need not count."""


def driver_files(host: Host) -> Iterator[Path]:
    """Give all manifests that there are, and the library that each names."""
    for manifest in _manifests(host):
        yield manifest
        yield from _libraries(host, manifest)


def _manifests(host: Host) -> list[Path]:
    patterns = [f"{folder}/vulkan/{kind}/*.json" for folder in _folders(host) for kind in KINDS]
    for name in MANIFEST_LISTS:
        for each in filter(None, host.environment.get(name, "").split(":")):
            patterns += [each, f"{each}/*.json"]
    return host.files(*patterns)


def _folders(host: Host) -> Iterator[str]:
    yield from SYSTEM_FOLDERS
    home = host.environment.get("HOME", "")
    if home:
        yield from (f"{home}/.config", f"{home}/.local/share")
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS"):
        yield from filter(None, host.environment.get(name, "").split(":"))


def _libraries(host: Host, manifest: Path) -> list[Path]:
    try:
        read = json.loads(manifest.read_text(encoding="utf-8"))
        named = str((read.get("ICD") or read.get("layer") or {}).get("library_path", ""))
    except (OSError, ValueError, AttributeError):
        return []
    if not named:
        return []
    if "/" in named and not named.startswith("/"):
        # Relative to the manifest.
        return [manifest.parent / named]
    return host.library(named) or [host.root / named.lstrip("/")]
