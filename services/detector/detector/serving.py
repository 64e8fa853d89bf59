"""Put the service together from its settings, and run it."""

import time

import cv2

from detector.cadence import Cadence
from detector.choosing import BackendInUse
from detector.finding import FaceFinder
from detector.pacing import USUAL
from detector.service import run
from detector.settings import DetectorSettings
from detector.steps import artifacts_of
from detector.strain import Host
from facewire import keys
from facewire.controls import watching
from facewire.service import keep_running, running
from facewire.streams import Publisher, StreamReader, Wanted


def serve(settings: DetectorSettings) -> None:
    """Run the service until it is told to stop."""
    # One resize of a small picture: OpenCV's threads would cost more than they bring.
    cv2.setNumThreads(1)
    with running("detector", settings) as service:
        frames = Wanted(keys.FRAMES, newest=True, every=settings.detect_every or USUAL)
        reader = StreamReader(service.bus, service.intake, service.metrics, [frames, Wanted(keys.WISHES)])
        detections = Publisher(service.bus, keys.DETECTIONS, service.metrics)
        finder = FaceFinder(settings.score_threshold, service.metrics)
        artifacts = artifacts_of(settings)
        wanted = settings.detector_backend
        backend = BackendInUse(wanted, artifacts, service.log, service.heartbeat, service.metrics, service.stop)
        # Only now: the service is not up before it has a backend.
        watch = watching(service)
        host = Host(settings.thermal_dir, time.monotonic)
        cadence = Cadence(settings, host, service.heartbeat, service.metrics, controls=lambda: watch.controls)
        try:
            keep_running(service, lambda: run(service, reader, detections, finder, backend, cadence, watch))
        finally:
            backend.close()
