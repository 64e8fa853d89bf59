"""The pictures that every step must answer alike, and what the network itself takes of them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.converting.problems import ConversionError
from detector.geometry import Canvas, InputSize, Tensor

SEED = 20_26
NONE = (0.0, 0.0, 0.0)
UNSCALED = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How a network's input follows from a picture's bytes: `(value - mean) / scale`, channel by channel.

    Args:
        rgb: the network wants red first, else blue.
        mean: of each channel in the network's order, 0..255.
        scale: likewise.
    """

    rgb: bool = False
    mean: tuple[float, float, float] = NONE
    scale: tuple[float, float, float] = UNSCALED

    @property
    def nothing(self) -> bool:
        """The network takes a picture as it is."""
        return self == Normalisation()

    @property
    def order(self) -> list[int]:
        """Which channel of a BGR picture is the network's first, second, third."""
        return [2, 1, 0] if self.rgb else [0, 1, 2]

    def of(self, canvas: Canvas) -> Tensor:
        """Return what the network takes, (1, 3, height, width) float32, of a picture.

        Args:
            canvas: (1, height, width, 3) uint8 BGR.
        """
        values = canvas.transpose(0, 3, 1, 2)[:, self.order].astype(np.float64)
        mean, scale = (np.reshape(each, (1, 3, 1, 1)) for each in (self.mean, self.scale))
        return np.ascontiguousarray((values - mean) / scale, np.float32)

    def plain(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        return asdict(self)


def check_pictures(photo: Path, size: InputSize) -> list[Canvas]:
    """Return a photo, stretched to the whole input, and noise; each (1, height, width, 3) uint8 BGR.

    Raises:
        ConversionError: the photo cannot be read.
    """
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR) if photo.is_file() else None
    if picture is None:
        raise ConversionError(f"the photo to check with, {photo}, cannot be read; name one with --photo FILE")
    filled = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
    shape = (1, size.height, size.width, 3)
    noise = np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)
    return [np.asarray(filled, np.uint8)[None], noise]
