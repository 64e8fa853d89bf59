"""The rows of the table: what each is, and how the process that times it is started."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from detector.artifacts import EDGE_TPU_MODEL
from detector.host import DEV, USB, edge_tpus
from detector.pnnx import ConversionError

from benchmarks.rows.made import Made
from benchmarks.rows.pipe import ROOT, Command
from benchmarks.rows.venvs import TORCH, Venv, VenvError
from runner.plan import MALLOC

PYTHON = Path(sys.executable)
SERVED = {"onnxruntime": "onnxruntime", "ncnn-cpu": "ncnn", "ncnn-vulkan": "ncnn-vulkan", "tvm": "tvm"}
"""Row to the detector's own backend in it; the fastest is chosen."""
SPIN = {"GOMP_SPINCOUNT": "300000"}
"""libgomp's default, which the service does not leave ncnn; "active" would spin through the other rows' turns."""
TORCH_ROWS = ("pytorch-eager", "torchscript", "torchscript-int8")
EDGE_TPU = "edgetpu"
YUNET, SSDLITE, SSD_FACE = "yunet-2023mar", "ssdlite320-mobilenet-v3-large", "ssd-mobilenet-v2-face"


@dataclass(frozen=True, slots=True)
class Subject:
    """A row at one number of threads.

    Args:
        name: of the row.
        model: the network.
        input: its size.
        threads: how many an inference may use.
        command: its worker, None where it cannot be run.
        problem: why it cannot be run.
    """

    name: str
    model: str
    input: str
    threads: int
    command: Command | None
    problem: str = ""


def subjects(made: Made, threads: int, left_out: frozenset[str]) -> Iterator[Subject]:
    """Yield all rows of the table at one number of threads.

    Args:
        made: the files.
        threads: how many an inference may use.
        left_out: names of environments that the operator does not want.
    """
    for name in TORCH_ROWS:
        arguments: tuple[str, ...] = (name, str(threads), str(made.weights), str(made.square))
        yield _elsewhere(Subject(name, SSDLITE, "320x320", threads, None), TORCH, "ssdlite", arguments, left_out)
    size = str(made.size)
    arguments = (str(made.model), str(threads), str(made.canvas))
    yield Subject("opencv", YUNET, size, threads, _command("opencv", arguments))
    yield _served(made, "tvm-untuned", "tvm", threads)
    for name, backend in SERVED.items():
        yield _served(made, name, backend, threads)
    yield _edge_tpu(made, threads)


def prepare_torch(made: Made, left_out: frozenset[str]) -> None:
    """Make the weights that PyTorch's rows share, where they are wanted and missing."""
    if TORCH.name in left_out or made.weights.exists():
        return
    try:
        python = TORCH.ready()
    except VenvError:
        # Its rows will say so.
        return
    command = (python, "-m", "benchmarks.rows.ssdlite", "weights", "1", made.weights, made.square)
    # Where this fails, the rows will find no weights.
    subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)


def edge_tpu_problem(model: Path, usb: Path = USB, dev: Path = DEV) -> str:
    """Say why the Edge TPU has no figures; empty where it may have some."""
    if not edge_tpus(dev, usb):
        return "no device"
    if not any(importlib.util.find_spec(each) for each in ("ai_edge_litert", "tflite_runtime")):
        return "no runtime: install ai-edge-litert"
    if not model.exists():
        return f"no model: run `python -m facewire.models fetch {model.parent} edgetpu-face`"
    return ""


def _edge_tpu(made: Made, threads: int) -> Subject:
    model = made.model.with_name(EDGE_TPU_MODEL)
    problem = edge_tpu_problem(model)
    arguments = (EDGE_TPU, str(model), str(threads), str(made.frame), str(made.canvas))
    command = None if problem else _command("serving", arguments, MALLOC)
    return Subject(EDGE_TPU, SSD_FACE, "320x320", threads, command, problem)


def _served(made: Made, name: str, backend: str, threads: int) -> Subject:
    try:
        file = made.file(name, threads)
    except subprocess.CalledProcessError as error:
        return Subject(name, YUNET, str(made.size), threads, None, f"not compiled (exit code {error.returncode})")
    except ConversionError as error:
        return Subject(name, YUNET, str(made.size), threads, None, str(error))
    arguments = (backend, str(file), str(threads), str(made.frame), str(made.canvas))
    return Subject(name, YUNET, str(made.size), threads, _command("serving", arguments, MALLOC | SPIN))


def _elsewhere(
    subject: Subject, venv: Venv, module: str, arguments: tuple[str, ...], left_out: frozenset[str]
) -> Subject:
    """Return the subject with a worker in an environment of its own, or with why there is none."""
    fields = (subject.name, subject.model, subject.input, subject.threads)
    if venv.name in left_out:
        return Subject(*fields, None, "left out on request")
    try:
        python = venv.ready()
    except VenvError as error:
        return Subject(*fields, None, str(error))
    # PyTorch says in many lines that int8 will move to another package.
    environment = {"OMP_NUM_THREADS": str(subject.threads), "PYTHONWARNINGS": "ignore"}
    return Subject(*fields, Command(python, f"benchmarks.rows.{module}", arguments, environment))


def _command(module: str, arguments: tuple[str, ...], environment: dict[str, str] | None = None) -> Command:
    return Command(PYTHON, f"benchmarks.rows.{module}", arguments, environment or {})
