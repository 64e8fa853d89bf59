"""A conversion from beginning to end: network → ONNX → normalisation inside → library, each compared with the first."""

import hashlib
import json
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from detector.converting import running
from detector.converting.checking import Row, compare, first_row, require_agreement
from detector.converting.fixing import shape_of
from detector.converting.normalising import take_bgr
from detector.converting.order import HOST, Order
from detector.converting.origin import Origin, Say, from_onnx, from_pytorch
from detector.converting.problems import ConversionError
from detector.converting.processes import run_module
from detector.host import cpu_name

PACKAGES = ("apache-tvm", "onnx", "onnxruntime", "numpy")


def convert(order: Order, rows: list[Row], say: Say) -> list[Path]:
    """Convert a network; all files are there in the end, or none.

    Args:
        order: what is asked for.
        rows: gets one for each step, also where a later step fails.
        say: is told what is being done.

    Returns:
        The library, the ONNX file, and the JSON file that says what they are.

    Raises:
        ConversionError: it cannot be done.
        DisagreementError: a step gives other numbers than the network.
    """
    try:
        order.folder.mkdir(parents=True, exist_ok=True)
        # Beside where the files will be, so that putting them there is a renaming.
        with tempfile.TemporaryDirectory(prefix=".convert-", dir=order.folder) as temporary:
            folder = Path(temporary)
            made = _convert(order, folder, rows, say)
            return [file.replace(order.folder / file.name) for file in made]
    except OSError as error:
        raise ConversionError(f"{error.filename or order.folder}: {error.strerror}") from error


def _convert(order: Order, folder: Path, rows: list[Row], say: Say) -> list[Path]:
    """Make all files in a folder; their order is that of `convert`."""
    origin = (from_onnx if order.source.kind == "onnx" else from_pytorch)(order, folder, say)
    rows.append(first_row(origin.step, order.source.name, order.source.weights, origin.truth))
    stem = f"{order.source.stem}-{origin.size}"
    model = folder / f"{stem}.onnx"
    folded = _write_onnx(order, origin, model, rows, say)
    library = folder / f"{stem}-{order.target}-{order.threads}t.so"
    say(f"compiling with TVM for {order.target}, {order.threads} thread(s)")
    run_module("detector.converting.building", model, library, str(order.threads), order.target)
    _check_library(order, origin, library, rows, say)
    description = library.with_suffix(".json")
    described = _describe(order, origin, model, library, rows) | {"normalisation_is": folded}
    description.write_text(json.dumps(described, indent=1), encoding="utf-8")
    return [library, model, description]


def _write_onnx(order: Order, origin: Origin, file: Path, rows: list[Row], say: Say) -> str:
    """Write the network as static ONNX, then with the normalisation inside; return what became of that."""
    say("checking the static ONNX in onnxruntime")
    onnx.save(origin.model, file)
    inputs = [order.normalisation.of(picture) for picture in origin.pictures]
    _add(rows, compare("static ONNX", file, running.run_onnx(file, inputs, order.threads), origin.truth), order)
    if order.normalisation.nothing:
        return "none"
    say("putting the normalisation inside, and checking again")
    folded = take_bgr(origin.model, order.normalisation)
    onnx.checker.check_model(origin.model)
    onnx.save(origin.model, file)
    inputs = [picture.transpose(0, 3, 1, 2).astype(np.float32) for picture in origin.pictures]
    _add(rows, compare("normalised ONNX", file, running.run_onnx(file, inputs, order.threads), origin.truth), order)
    return folded


def _check_library(order: Order, origin: Origin, library: Path, rows: list[Row], say: Say) -> None:
    step = f"TVM for {order.target}"
    if not order.here:
        rows.append(Row(step, library.name, library.stat().st_size, note="not run: for another CPU"))
        return
    say("running the library with TVM's small runtime")
    pictures, answers = (library.with_name(name) for name in ("pictures.npz", "answers.npz"))
    np.savez(pictures, *origin.pictures)
    run_module("detector.converting.running", library, pictures, answers, str(order.threads))
    _add(rows, compare(step, library, running.load(answers), origin.truth), order)


def _add(rows: list[Row], row: Row, order: Order) -> None:
    rows.append(row)
    require_agreement(row, order.tolerance)


def _describe(order: Order, origin: Origin, model: Path, library: Path, rows: list[Row]) -> dict[str, Any]:
    """Return what the JSON file says."""
    weights = order.source.weights
    size = origin.size
    return {
        "source": {
            "kind": order.source.kind,
            "name": order.source.name,
            "weights": str(weights) if weights else None,
            "sha256": _sha256(weights) if weights else origin.code_sha256,
            "code_sha256": origin.code_sha256,
        },
        "library": {"file": library.name, "sha256": _sha256(library), "target": order.target, "threads": order.threads}
        | ({"cpu": cpu_name()} if order.target == HOST else {}),
        "onnx": {"file": model.name, "sha256": _sha256(model)},
        "input": {
            "library": {"shape": [1, size.height, size.width, 3], "type": "uint8", "layout": "NHWC", "colours": "BGR"},
            "onnx": {"shape": [1, 3, size.height, size.width], "type": "float32", "layout": "NCHW", "colours": "BGR"},
        },
        "normalisation": order.normalisation.plain(),
        "outputs": [
            {"name": each.name, "shape": shape_of(each), "type": _kind(each)} for each in origin.model.graph.output
        ],
        "tolerance": order.tolerance,
        "steps": [asdict(row) for row in rows],
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": sys.version.split()[0]}
        | (origin.versions or {}),
    }


def _kind(value: onnx.ValueInfoProto) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
