"""Check every service's settings before a local run starts anything."""

from capture.settings import CaptureSettings
from detector.settings import DetectorSettings
from iot_bridge.settings import BridgeSettings
from tracker.settings import TrackerSettings
from web.settings import WebSettings

from facewire.settings import Settings, known_settings, load
from runner.plan import Plan

SERVICES: dict[str, type[Settings]] = {
    "capture": CaptureSettings,
    "detector": DetectorSettings,
    "tracker": TrackerSettings,
    "iot-bridge": BridgeSettings,
    "web": WebSettings,
}


def check_settings(planned: Plan) -> None:
    """End the process with one line and exit code 2 over a setting that its service would refuse."""
    for service, kind in SERVICES.items():
        environment = planned.environment[service]
        load(kind, {name: environment.get(name.upper(), "") for name in known_settings(kind)})
