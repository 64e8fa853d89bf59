"""What is made from a model, and where it is kept: one file per model, input, CPU and threads."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from detector.geometry import InputSize
from detector.precision import FP16, FP32

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

    def file(self, backend: str, cpu: str) -> Path:
        """Name what a backend loads on a host."""
        if backend == "onnxruntime":
            return self.static_model
        return self.library(cpu, FP16 if backend == "tvm-fp16" else FP32)

    def library(self, cpu: str, precision: str = FP32) -> Path:
        """Name the library for a host's CPU; another TVM, or other loops of ours, make another."""
        return self.cache / self._library_name(cpu, precision)

    def shipped(self, target: str, precision: str = FP32) -> Path:
        """Name the library that an image brings for a kind of CPU, beside the model."""
        return self.model.parent / self._library_name(target, precision)

    def _library_name(self, cpu: str, precision: str) -> str:
        # Threads too: a library is cut into as many strips.
        return f"{self.stem}-{cpu}-{precision}-{self.threads}t-tvm{version('apache-tvm')}-{_loops()}.so"

    def choice(self, cpu: str, among: Sequence[str]) -> Path:
        """Name the record of which backend is fastest on a host.

        Args:
            cpu: the host's.
            among: backends and devices that there are: with another, there is another choice to be made.
        """
        there = hashlib.sha256(" ".join(among).encode()).hexdigest()[:HASH_LETTERS]
        versions = f"tvm{version('apache-tvm')}-{_loops()}-onnxruntime{version('onnxruntime')}"
        return self.cache / f"{self.stem}-{cpu}-{self.threads}t-{versions}-{there}.choice.json"


def _loops() -> str:
    """Name the code that makes libraries: after an update, the cache's older ones and their timings are passed over."""
    sources = sorted(Path(__file__).with_name("compiling").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:HASH_LETTERS]
