"""Name the CPU of this host, so that what was compiled or measured elsewhere is not taken for its own."""

import hashlib
import platform
from pathlib import Path

# x86 says `flags` and `model name`, arm64 `Features` and `CPU part`.
TELLING = ("model name", "flags", "features", "cpu implementer", "cpu part", "cpu variant")


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return a short name that changes when the CPU's kind or its instructions change."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    telling = sorted({line for line in lines if line.partition(":")[0].strip().lower() in TELLING})
    digest = hashlib.sha256("\n".join(telling).encode()).hexdigest()[:10]
    return f"{platform.machine()}-{digest}"
