"""Tell what the operator named: a PyTorch module, a TorchScript file or an ONNX file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from detector.converting.problems import ConversionError

IMPORT_PATH = re.compile(r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$")
TORCHSCRIPT = (".pt", ".ts", ".pth", ".torchscript")
WANTED = "package.module:factory, a TorchScript file (.pt, .ts) or an ONNX file (.onnx)"


@dataclass(frozen=True, slots=True)
class Source:
    """A network.

    Args:
        kind: what it is.
        name: as the operator named it.
        checkpoint: weights for a module.
    """

    kind: Literal["module", "torchscript", "onnx"]
    name: str
    checkpoint: Path | None = None

    @property
    def stem(self) -> str:
        """What files that are made of it are called."""
        if self.kind != "module":
            return Path(self.name).stem
        module, _, factory = self.name.partition(":")
        return f"{module.rpartition('.')[2]}-{factory}"

    @property
    def weights(self) -> Path | None:
        """The file that has its weights, if one was named."""
        return self.checkpoint if self.kind == "module" else Path(self.name)


def read_source(name: str, checkpoint: Path | None) -> Source:
    """Return what a name means.

    Raises:
        ConversionError: nothing, or a file that is not there.
    """
    file = Path(name)
    if not file.exists() and IMPORT_PATH.match(name):
        if checkpoint is not None and not checkpoint.is_file():
            raise ConversionError(f"--checkpoint: there is no file {checkpoint}")
        return Source("module", name, checkpoint)
    if checkpoint is not None:
        raise ConversionError(f"--checkpoint goes with package.module:factory; {name} brings its own weights")
    if file.suffix not in (".onnx", *TORCHSCRIPT):
        raise ConversionError(f"{name} is not {WANTED}")
    if not file.is_file():
        raise ConversionError(f"there is no file {name}")
    return Source("onnx" if file.suffix == ".onnx" else "torchscript", name)
