"""`python -m detector` runs the service; with a step's name it makes one of the files the service needs."""

import argparse
import sys
import time

import cv2

from detector.cadence import Cadence
from detector.choosing import BackendInUse
from detector.converting import command
from detector.finding import FaceFinder
from detector.pacing import USUAL
from detector.precision import FP32, PRECISIONS
from detector.service import run
from detector.settings import DetectorSettings
from detector.shipping import TARGETS
from detector.steps import STEPS, artifacts_of, do_step
from detector.strain import Host
from detector.tuning_step import tune, tuning_arguments
from facewire import keys
from facewire.service import keep_running, running
from facewire.settings import load
from facewire.streams import Publisher, StreamReader, Wanted


def main() -> int:
    """Run the service or one step."""
    parser = argparse.ArgumentParser(prog="python -m detector", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP")
    of_step = {step: steps.add_parser(step, help=text) for step, text in STEPS.items()}
    of_step["compile"].add_argument("--target", choices=TARGETS, help="put a library for this CPU beside the model")
    of_step["compile"].add_argument("--precision", choices=PRECISIONS, default=FP32, help="of its arithmetic")
    of_step["ncnn"].add_argument("--target", choices=["any"], help="put the network, for every host, beside the model")
    command.add_arguments(steps.add_parser("convert", help="make a library of a PyTorch or ONNX network of your own"))
    tuning_arguments(steps.add_parser("tune", help="find faster loops by measuring on this host"))
    asked = parser.parse_args()
    settings = load(DetectorSettings)
    if asked.step == "convert":
        return command.run(asked, settings)
    if asked.step == "tune":
        return tune(asked, settings)
    if asked.step is not None:
        do_step(asked.step, settings, getattr(asked, "target", None), getattr(asked, "precision", FP32))
    else:
        serve(settings)
    return 0


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
        host = Host(settings.thermal_dir, time.monotonic)
        cadence = Cadence(settings, host, service.heartbeat, service.metrics)
        try:
            keep_running(service, lambda: run(service, reader, detections, finder, backend, cadence))
        finally:
            backend.close()


if __name__ == "__main__":
    sys.exit(main())
