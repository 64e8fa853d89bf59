"""Print the peak memory of a process that is set up as the detector and finds faces, in MB."""

import sys
from pathlib import Path

import cv2
import detector.serving  # noqa: F401  everything that the service imports
from detector.backends import KINDS
from detector.finding import FaceFinder
from detector.geometry import InputSize

from benchmarks.rows.serving import SCORE_THRESHOLD, Alone, frame_of
from facewire.metrics import Metrics

STEPS = 50
KB_PER_MB = 1024


def peak_rss_mb() -> float:
    """Return the most that this process ever had resident."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / KB_PER_MB


def main() -> None:
    """Find faces, then say what it took."""
    name, file, threads, frame_path, width, height = sys.argv[1:]
    cv2.setNumThreads(1)
    family = KINDS[name].family(InputSize(int(width), int(height)))
    network = Alone(KINDS[name].open(Path(file), int(threads)), family)
    finder = FaceFinder(SCORE_THRESHOLD, Metrics("detector"))
    frame = frame_of(Path(frame_path))
    for _ in range(STEPS):
        finder.find(frame, network)
    print(round(peak_rss_mb(), 1))


if __name__ == "__main__":
    main()
