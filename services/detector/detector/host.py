"""What this host is: its CPU by name, so that what was made elsewhere is not taken for its own; what it can do."""

import hashlib
import platform
from pathlib import Path

# x86 says `flags` and `model name`, arm64 `Features` and `CPU part`.
TELLING = ("model name", "flags", "features", "cpu implementer", "cpu part", "cpu variant")

EDGE_TPU_PCIE = "apex_*"
"""Files in /dev of Edge TPUs on PCIe."""
EDGE_TPU_USB = ("1a6e:089a", "18d1:9302")
"""An Edge TPU's id on USB: before its first use, and after."""


DEV, USB = Path("/dev"), Path("/sys/bus/usb/devices")


def edge_tpus(dev: Path = DEV, usb: Path = USB) -> list[str]:
    """Name the Edge TPUs that are seen here, without touching them."""
    ids = {f"{_read(each)}:{_read(each.with_name('idProduct'))}" for each in usb.glob("*/idVendor")}
    return [*_files(dev, EDGE_TPU_PCIE), *(["usb-edgetpu"] if ids.intersection(EDGE_TPU_USB) else [])]


def _files(dev: Path, pattern: str) -> list[str]:
    return [str(each.relative_to(dev)) for each in sorted(dev.glob(pattern))]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


# On arm64 fp16 vector arithmetic of ARMv8.2 (the Pi 5's, not the Pi 4's), on x86 that of AVX-512.
HALF_ARITHMETIC = {"asimdhp", "avx512_fp16"}


def has_half_arithmetic(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether the CPU computes with vectors of half-precision values."""
    return not HALF_ARITHMETIC.isdisjoint(_cpuinfo(cpuinfo).split())


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return a short name that changes when the CPU's kind or its instructions change."""
    lines = _cpuinfo(cpuinfo).splitlines()
    telling = sorted({line for line in lines if line.partition(":")[0].strip().lower() in TELLING})
    digest = hashlib.sha256("\n".join(telling).encode()).hexdigest()[:10]
    return f"{platform.machine()}-{digest}"


def _cpuinfo(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
