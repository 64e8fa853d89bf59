"""What is made from a model on this host, and where it is kept: one file per model, input and target."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from detector.geometry import InputSize

HASH_LETTERS = 10


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files of one model at one input size.

    Args:
        model: the ONNX file as its package carries it.
        size: the network's input.
        threads: how many threads an inference uses; the choice of a backend depends on it.
        cache: folder of everything that can be made again.
    """

    model: Path
    size: InputSize
    threads: int
    cache: Path

    @property
    def stem(self) -> str:
        """Name the model by content and input size."""
        digest = hashlib.sha256(self.model.read_bytes()).hexdigest()[:HASH_LETTERS]
        return f"{self.model.stem}-{digest}-{self.size}"

    @property
    def static_model(self) -> Path:
        """The ONNX model with its input size fixed."""
        return self.cache / f"{self.stem}.onnx"

    def library(self, cpu: str) -> Path:
        """Name the library that TVM compiled for a CPU; another TVM or package of its makes another."""
        return self.cache / f"{self.stem}-{cpu}-tvm{version('apache-tvm')}.so"

    def choice(self, host: str) -> Path:
        """Name the record of which backend is fastest on a host."""
        versions = f"tvm{version('apache-tvm')}-onnxruntime{version('onnxruntime')}"
        return self.cache / f"{self.stem}-{host}-{self.threads}t-{versions}.choice.json"
