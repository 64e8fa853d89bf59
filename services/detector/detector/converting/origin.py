"""The network that was named: what it answers for the check pictures, and itself as ONNX with all shapes known."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

from detector.converting import exporting, running
from detector.converting.fixing import read_model, simplify
from detector.converting.order import Order
from detector.converting.pictures import check_pictures
from detector.converting.problems import ConversionError
from detector.converting.processes import run_script
from detector.converting.running import Answers
from detector.geometry import Canvas, InputSize

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """A network.

    Args:
        step: what runs it.
        truth: what it gives for the check pictures, that all later steps must agree with.
        model: as ONNX, with all shapes known.
        size: its input.
        pictures: the check pictures, as a camera gives them.
        code_sha256: of the Python file that a module came from.
        versions: of what was used, beside what the detector's own environment has.
    """

    step: str
    truth: Answers
    model: ModelProto
    size: InputSize
    pictures: list[Canvas]
    code_sha256: str | None = None
    versions: dict[str, str] | None = None


def from_onnx(order: Order, folder: Path, say: Say) -> Origin:
    """Read an ONNX file and run it as it is, but for its input's size and where it ends.

    Raises:
        ConversionError: it cannot be read or run.
    """
    say(f"reading {order.source.name}")
    given, size = read_model(Path(order.source.name), order.size, order.outputs)
    pictures = check_pictures(order.photo, size)
    cut = folder / "cut.onnx"
    onnx.save(given, cut)
    model = simplify(given, size, folder)
    inputs = [order.normalisation.of(picture) for picture in pictures]
    return Origin("ONNX as given", running.run_onnx(cut, inputs, order.threads), model, size, pictures)


def from_pytorch(order: Order, folder: Path, say: Say) -> Origin:
    """Run a PyTorch network and write it as ONNX, both in a process that has torch.

    Raises:
        ConversionError: it cannot be loaded, run or written.
    """
    if order.size is None:
        raise ConversionError("say the network's input: --input WIDTHxHEIGHT, for example --input 320x256")
    pictures = check_pictures(order.photo, order.size)
    say(f"running {order.source.name} in PyTorch and writing it as ONNX")
    exported = folder / "exported.onnx"
    facts, truth = _export(order, pictures, exported, folder)
    model, size = read_model(exported, order.size, ())
    versions = {"torch": str(facts["version"])}
    model = simplify(model, size, folder)
    return Origin("PyTorch", truth, model, size, pictures, facts["source_sha256"], versions)


def _export(order: Order, pictures: list[Canvas], exported: Path, folder: Path) -> tuple[dict[str, Any], Answers]:
    files = {
        name: str(folder / f"torch-{name}") for name in ("inputs.npz", "answers.npz", "facts.json", "request.json")
    }
    np.savez(files["inputs.npz"], *(order.normalisation.of(picture) for picture in pictures))
    request = {
        "kind": order.source.kind,
        "name": order.source.name,
        "checkpoint": str(order.source.checkpoint) if order.source.checkpoint else None,
        "outputs": order.outputs,
        "threads": order.threads,
        "inputs": files["inputs.npz"],
        "answers": files["answers.npz"],
        "facts": files["facts.json"],
        "model": str(exported),
    }
    Path(files["request.json"]).write_text(json.dumps(request), encoding="utf-8")
    run_script(order.python, Path(exporting.__file__), files["request.json"])
    facts = json.loads(Path(files["facts.json"]).read_text(encoding="utf-8"))
    return facts, running.load(Path(files["answers.npz"]))
