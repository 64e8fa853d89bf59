"""What is made from a model, and where it is kept: one file per model, input, CPU and threads."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from detector import records
from detector.dependencies import package_version
from detector.geometry import InputSize
from detector.precision import FP16, FP32
from facewire.models import MANIFEST

HASH_LETTERS = 10
FIXED_BY = ("static.py",)
"""Our code that makes the static model."""
MEASURED_BY = (
    "backends/*.py",
    "families/*.py",
    "agreement.py",
    "examining.py",
    "geometry.py",
    "isolat*.py",
    "measuring.py",
    "timing.py",
)
"""Our code that a measured time, or that a backend agrees, depends on."""
EDGE_TPU_MODEL = "ssd_mobilenet_v2_face_quant_postprocess_edgetpu.tflite"
"""`edgetpu-face` of the manifest, which lies beside the other models."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files of one model at one input size.

    Args:
        model: the ONNX file as its package carries it.
        size: the network's input.
        threads: how many threads an inference uses; the choice of a backend depends on it.
        cache: folder of everything that can be made again.
        named_records: a file of tuning records that the operator named.
    """

    model: Path
    size: InputSize
    threads: int
    cache: Path
    named_records: Path | None = None

    @property
    def stem(self) -> str:
        """Name the model by content and input size."""
        return f"{self._content}-{self.size}"

    @property
    def _content(self) -> str:
        return f"{self.model.stem}-{_digest(self.model)}"

    @property
    def static_model(self) -> Path:
        """The ONNX model with its input size fixed."""
        made_by = hashlib.sha256(f"{_digest(*_sources(*FIXED_BY))} onnx{package_version('onnx')}".encode()).hexdigest()
        return self.cache / f"{self._content}-{made_by[:HASH_LETTERS]}-{self.size}.onnx"

    def old_static_models(self) -> list[Path]:
        """Return the static models that other code or another onnx made of the same model, at the same size."""
        return [each for each in self.cache.glob(f"{self._content}*-{self.size}.onnx") if each != self.static_model]

    def file(self, backend: str, cpu: str) -> Path:
        """Name what a backend loads on a host."""
        if backend == "edgetpu":
            return self.model.with_name(EDGE_TPU_MODEL)
        if backend == "onnxruntime":
            return self.static_model
        if backend in ("ncnn", "ncnn-vulkan"):
            return self.net
        return self.library(cpu, FP16 if backend == "tvm-fp16" else FP32)

    @property
    def net(self) -> Path:
        """The model in ncnn's format: one file for every host, input size and number of threads."""
        return self.cache / self._net_name

    @property
    def shipped_net(self) -> Path:
        """Where an image brings it, beside the model."""
        return self.model.parent / self._net_name

    @property
    def _net_name(self) -> str:
        return f"{self._content}-{_digest(*_sources('pnnx.py', 'ncnn_net.py', 'compiling/graph.py'))}.ncnn"

    def library(self, cpu: str, precision: str = FP32) -> Path:
        """Name the library for a host's CPU; another TVM, or other loops of ours, make another."""
        return self.cache / self._library_name(cpu, precision)

    def shipped(self, target: str, precision: str = FP32) -> Path:
        """Name the library that an image brings for a kind of CPU, beside the model."""
        return self.model.parent / self._library_name(target, precision)

    def _library_name(self, cpu: str, precision: str) -> str:
        # Threads too: a library is cut into as many strips.
        return f"{self.stem}-{cpu}-{precision}-{self.threads}t-tvm{version('apache-tvm')}-{self._loops(cpu)}.so"

    def choice(self, cpu: str, depends: Iterable[str]) -> Path:
        """Name the record of which backend is fastest on a host.

        Args:
            cpu: the host's.
            depends: the state of all that times depend on, one line each; after a change another choice is to be made.
        """
        code = _digest(MANIFEST, *_sources(*MEASURED_BY))
        state = hashlib.sha256("\n".join((code, self._loops(cpu), *depends)).encode()).hexdigest()[:HASH_LETTERS]
        return self.cache / f"{self.stem}-{cpu}-{self.threads}t-{state}.choice.json"

    def own_records(self, cpu: str) -> tuple[Path, ...]:
        """Name what was tuned on a host, or named by the operator: files that win over shipped ones."""
        named = () if self.named_records is None else (self.named_records,)
        return (*sorted((self.cache / records.OWN).glob(f"*-{cpu}.json")), *named)

    def _loops(self, cpu: str) -> str:
        """Name what makes a library: after a change, the cache's older ones and their timings are passed over."""
        shipped = sorted(records.SHIPPED.glob("*.json"))
        return _digest(*_sources("compiling/*.py", *FIXED_BY), *shipped, *self.own_records(cpu))


def _sources(*patterns: str) -> list[Path]:
    folder = Path(__file__).parent
    return [source for pattern in patterns for source in sorted(folder.glob(pattern))]


def _digest(*files: Path) -> str:
    return records.fingerprint(files)[:HASH_LETTERS]
