"""Mesa's software Vulkan stands in for a GPU; `scripts/setup test` installs it."""

import ctypes
import os
from pathlib import Path

import pytest

DRIVERS = Path("/usr/share/vulkan/icd.d")


def require_vulkan() -> None:
    """Leave a test out where there is no Vulkan, but not in CI."""
    problem = "" if list(DRIVERS.glob("*.json")) else f"no driver in {DRIVERS}"
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError as error:
        problem = str(error)
    if problem:
        assert not os.environ.get("CI"), problem
        pytest.skip(f"left out: no Vulkan ({problem}); scripts/setup test installs it")
