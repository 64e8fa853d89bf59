"""Check every service's settings, as `python -m runner` does in a process of its own before it starts anything."""

from capture.settings import CaptureSettings
from detector.settings import DetectorSettings
from iot_bridge.settings import BridgeSettings
from tracker.settings import TrackerSettings
from web.settings import WebSettings

from facewire.settings import Settings, load

SETTINGS: tuple[type[Settings], ...] = (
    CaptureSettings,
    DetectorSettings,
    TrackerSettings,
    BridgeSettings,
    WebSettings,
)


def check_settings() -> None:
    """End the process with one line and exit code 2 over a setting that its service would refuse."""
    for kind in SETTINGS:
        load(kind)


if __name__ == "__main__":
    check_settings()
