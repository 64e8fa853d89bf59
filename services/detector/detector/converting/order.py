"""What the operator asks of a conversion."""

import platform
from dataclasses import dataclass
from pathlib import Path

from detector.converting.pictures import Normalisation
from detector.converting.source import Source
from detector.geometry import InputSize
from detector.shipping import FITTING

HOST = "host"
"""The target that is this machine."""


@dataclass(frozen=True, slots=True)
class Order:
    """One conversion.

    Args:
        source: the network.
        size: its input, None for what an ONNX file says.
        outputs: tensors to cut an ONNX network at, or names for what a PyTorch network returns.
        normalisation: how its input follows from a picture.
        target: CPU that the library is for.
        threads: how many threads an inference will use.
        folder: where the files go.
        photo: what to check with beside noise.
        python: interpreter of an environment that has torch.
        tolerance: the largest relative error of a step.
    """

    source: Source
    size: InputSize | None
    outputs: tuple[str, ...]
    normalisation: Normalisation
    target: str
    threads: int
    folder: Path
    photo: Path
    python: Path
    tolerance: float

    @property
    def here(self) -> bool:
        """The library is for this machine, so it can be checked here."""
        return self.target == HOST or self.target == FITTING.get(platform.machine())
