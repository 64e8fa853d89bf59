"""Turn an ONNX model into a network of ncnn's; only `python -m detector ncnn` imports this."""

import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import onnx

from detector.compiling.graph import merge_heads
from detector.ncnn_net import any_size, pack


class ConversionError(Exception):
    """There is no network to be had; the text says why in one line."""


def convert(static_model: Path, outputs: Sequence[str], target: Path) -> None:
    """Write a network for pictures of any size, whole or not at all.

    Args:
        static_model: ONNX with all shapes known; which shapes, does not matter.
        outputs: the outputs in the order in which ncnn shall number them.
        target: where it goes.

    Raises:
        ConversionError: pnnx is not here, or cannot convert the model.
    """
    program = _program()
    model = onnx.load(static_model)
    merge_heads(model)
    _order(model, outputs)
    with tempfile.TemporaryDirectory(prefix="facewire-pnnx-") as folder:
        source = Path(folder) / "net.onnx"
        onnx.save(model, source)
        # fp16=0: the weights stay float32 in the file; ncnn rounds them where the host computes in float16.
        command = [str(program), str(source), "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        layers, weights = source.with_suffix(".ncnn.param"), source.with_suffix(".ncnn.bin")
        if done.returncode or not (layers.exists() and weights.exists()):
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["no output"]
            raise ConversionError(f"pnnx cannot convert {static_model.name}: {lines[-1]}")
        pack(any_size(layers.read_text(encoding="ascii")), weights.read_bytes(), target)


def _program() -> Path:
    # Its Python side wants PyTorch; the program beside that does not, for ONNX.
    package = find_spec("pnnx")
    if package is None or not package.submodule_search_locations:
        raise ConversionError("pnnx is not installed; scripts/setup brings it, images bring the file that it makes")
    return Path(package.submodule_search_locations[0]) / "pnnx"


def _order(model: onnx.ModelProto, outputs: Sequence[str]) -> None:
    named = {output.name: output for output in model.graph.output}
    wanted = [named[name] for name in outputs]
    del model.graph.output[:]
    model.graph.output.extend(wanted)
