"""The kinds of network that find faces: how each is fed, and how its outputs become faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detector.geometry import InputSize, Letterbox, Tensor
from facewire.messages import Face

Decode = Callable[[Sequence[Tensor], Letterbox, float], tuple[Face, ...]]
"""From outputs, the picture's placement in the input and a least score to faces in the picture's pixels, best first."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of network at one size.

    Args:
        name: as the manifest of models calls it.
        size: the network's input.
        shapes: of its outputs, in the order in which every backend returns them.
        largest: no sane output is further from zero.
        decode: makes faces of its outputs.
    """

    name: str
    size: InputSize
    shapes: tuple[tuple[int, ...], ...]
    largest: float
    decode: Decode
