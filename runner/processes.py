"""Watch what the services of a run cost: CPU time and peak memory, from /proc."""

from dataclasses import dataclass, field
from pathlib import Path

import psutil

# How each service is told apart in a command line.
TELLING = {
    "bus": "bus.sock",
    "store": "store.sock",
    "mqtt": "mosquitto.conf",
    "capture": "-m capture",
    "detector": "-m detector",
    "tracker": "-m tracker",
    "iot-bridge": "-m iot_bridge",
    "web": "web.worker",
}
KB_PER_MB = 1024


@dataclass(slots=True)
class Costs:
    """CPU seconds and peak resident memory of each service, remembered across its processes."""

    run_dir: Path
    cpu_s: dict[int, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)

    def sample(self) -> None:
        """Look at all processes of this run once."""
        now_mb: dict[str, float] = {}
        for process in psutil.process_iter():
            try:
                service = self._service(process)
                if service is None:
                    continue
                times = process.cpu_times()
                now_mb[service] = now_mb.get(service, 0.0) + _peak_mb(process.pid)
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
            self.cpu_s[process.pid] = times.user + times.system
        for service, megabytes in now_mb.items():
            self.peak_mb[service] = max(self.peak_mb.get(service, 0.0), megabytes)

    def _service(self, process: psutil.Process) -> str | None:
        line = " ".join(process.cmdline())
        if "scripts/keep" in line or line.startswith("/bin/sh"):
            return None
        name = next((name for name, telling in TELLING.items() if telling in line), None)
        if name is None:
            return None
        if line.startswith(("redis-server", "mosquitto")):
            # These forget their environment; their command lines name the run's folder.
            return name if str(self.run_dir) in line else None
        return name if process.environ().get("RUN_DIR") == str(self.run_dir) else None


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / KB_PER_MB
    return 0.0
