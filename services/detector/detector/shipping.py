"""What an image brings along, made on another machine: with it, a Pi need not compile first."""

import platform
import shutil
from pathlib import Path

from detector import sealing
from detector.artifacts import Artifacts
from detector.host import cpu_name

CORTEX_A76 = "cortex-a76"
"""The Raspberry Pi 5's CPU; float32 code keeps to what every 64-bit ARM has, so it serves the Pi 3 and 4 too."""
TARGETS = (CORTEX_A76,)
FITTING = {"aarch64": CORTEX_A76}
"""A machine, as the kernel names it, to the target whose float32 library runs on all of that name."""


def take_shipped(artifacts: Artifacts, precision: str) -> bool:
    """Put the shipped library where this host's own would lie, whole or not at all.

    Args:
        artifacts: what is made from the model.
        precision: of its arithmetic; this host's CPU must have it.

    Returns:
        False where none was shipped for this machine, model, input size, number of threads and TVM, where it is spoiled
        or where this host was tuned.
    """
    target = FITTING.get(platform.machine())
    if artifacts.own_records(cpu_name()):
        # What was tuned here is not in it.
        return False
    if target is None or not sealing.is_intact(artifacts.shipped(target, precision)):
        return False
    _copy(artifacts.shipped(target, precision), artifacts.library(cpu_name(), precision))
    return True


def take_shipped_net(artifacts: Artifacts) -> bool:
    """Put the shipped network of ncnn's where this host's own would lie, whole or not at all.

    Returns:
        False where none was shipped for this model, or it is spoiled.
    """
    if not sealing.is_intact(artifacts.shipped_net):
        return False
    _copy(artifacts.shipped_net, artifacts.net)
    return True


def _copy(shipped: Path, own: Path) -> None:
    # A copy: whoever finds a file broken removes it, and a shipped one cannot be made again here.
    half_done = own.with_suffix(f".tmp{own.suffix}")
    shutil.copyfile(shipped, half_done)
    half_done.replace(own)
    sealing.seal(own)
