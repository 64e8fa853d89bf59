"""Libraries that an image brings along, compiled on another machine: with one, a Pi need not compile first."""

import platform
import shutil

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
        False where none was shipped for this machine, model, input size, number of threads and TVM, or it is spoiled.
    """
    target = FITTING.get(platform.machine())
    if target is None or not sealing.is_intact(artifacts.shipped(target, precision)):
        return False
    library = artifacts.library(cpu_name(), precision)
    # A copy: whoever finds a library broken removes it, and a shipped one cannot be made again here.
    half_done = library.with_suffix(".tmp.so")
    shutil.copyfile(artifacts.shipped(target, precision), half_done)
    half_done.replace(library)
    sealing.seal(library)
    return True
