"""What the bench measures with: one frame of the demo clip in the shape each row wants, models, compiled libraries."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import detector.compiling
import numpy as np
from detector.families.yunet import OUTPUTS
from detector.geometry import InputSize, LetterboxCanvas
from detector.host import cpu_name
from detector.pnnx import convert
from detector.static import fix_input

from benchmarks.rows.pipe import ROOT
from facewire.models import model_path

KEPT = ROOT / ".facewire"
FRAME = 45
"""One with all the faces in it."""
SSDLITE_SIDE_PX = 320


@dataclass(frozen=True, slots=True)
class Made:
    """Files of one run.

    Args:
        size: YuNet's input.
        folder: what later runs use again: libraries, by what they are made from.
        temporary: the rest.
        rules: names what the libraries are compiled by, so that a change of it makes new ones.
    """

    size: InputSize
    folder: Path
    temporary: Path
    rules: str

    @property
    def model(self) -> Path:
        """YuNet as its package carries it."""
        return model_path(KEPT / "models", "yunet")

    @property
    def static_model(self) -> Path:
        """YuNet with its input size fixed."""
        return self.temporary / f"yunet-{self.size}.onnx"

    @property
    def net(self) -> Path:
        """YuNet as ncnn takes it."""
        return self.temporary / "yunet.ncnn"

    @property
    def frame(self) -> Path:
        """A frame as a camera gives it, (480, 640, 3) uint8."""
        return self.temporary / "frame.npy"

    @property
    def canvas(self) -> Path:
        """The same as YuNet takes it, (1, height, width, 3) uint8."""
        return self.temporary / "canvas.npy"

    @property
    def square(self) -> Path:
        """The same as SSDLite takes it, (1, 3, 320, 320) float32 in -1..1."""
        return self.temporary / "square.npy"

    @property
    def weights(self) -> Path:
        """SSDLite's weights, which are the same in every run."""
        return self.folder / "ssdlite320.pt"

    def file(self, row: str, threads: int) -> Path:
        """Return what a row of the detector's own backends loads, made first where it is missing.

        Raises:
            CalledProcessError: it cannot be compiled.
            ConversionError: it cannot be converted.
        """
        if row in ("ncnn-cpu", "ncnn-vulkan"):
            if not self.net.exists():
                convert(self.static_model, OUTPUTS, self.net)
            return self.net
        return self.static_model if row == "onnxruntime" else self.library(row, threads)

    def library(self, kind: str, threads: int) -> Path:
        """Return a compiled library, made first where it is missing.

        Raises:
            CalledProcessError: it cannot be compiled.
        """
        name = f"{kind}-{self.size}-{threads}t-{cpu_name()}-tvm{version('apache-tvm')}-{self.rules}.so"
        path = self.folder / name
        if not path.exists():
            print(f"bench: compiling {name}", file=sys.stderr, flush=True)
            command = (sys.executable, "-m", "benchmarks.rows.building", kind, self.static_model, path, str(threads))
            subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
        return path


def make(size: InputSize, temporary: Path) -> Made:
    """Make the files that every row needs."""
    made = Made(size, KEPT / "bench", temporary, _rules())
    made.folder.mkdir(exist_ok=True)
    fix_input(made.model, made.static_model, size)
    clip = cv2.VideoCapture(str(KEPT / "demo" / "demo.mp4"))
    clip.set(cv2.CAP_PROP_POS_FRAMES, FRAME)
    there, frame = clip.read()
    if not there:
        raise SystemExit("bench: the demo clip cannot be read; remove .facewire/demo and run scripts/setup")
    canvas, _ = LetterboxCanvas(size).fill(np.asarray(frame, np.uint8))
    square = cv2.resize(frame, (SSDLITE_SIDE_PX, SSDLITE_SIDE_PX)).astype(np.float32) / 127.5 - 1
    np.save(made.frame, frame)
    np.save(made.canvas, canvas)
    np.save(made.square, np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32))
    return made


def _rules() -> str:
    folder = Path(detector.compiling.__file__).parent
    fixed = folder.parent / "static.py"
    sources = (
        *sorted(folder.glob("*.py")),
        fixed,
        *(Path(__file__).with_name(name) for name in ("building.py", "loops.py")),
    )
    return hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:10]
