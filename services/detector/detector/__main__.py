"""`python -m detector` runs the service; with a step's name it makes one of the files the service needs."""

import argparse
import sys

from detector.converting import command
from detector.precision import FP32, PRECISIONS
from detector.settings import DetectorSettings
from detector.shipping import TARGETS
from detector.steps import STEPS, do_step
from detector.tuning_step import tune, tuning_arguments
from facewire.settings import load


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
        from detector.serving import serve  # noqa: PLC0415  steps are done where the service's packages are not

        serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
