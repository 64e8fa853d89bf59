"""Tell a network's sane outputs from garbage, and its right ones from wrong ones."""

from collections.abc import Sequence

import numpy as np

from detector.backends import REFERENCE
from detector.geometry import Canvas, InputSize, Tensor
from detector.guarding import TroubleError
from detector.measuring import AGREE_WITHIN, check_picture, difference
from detector.yunet import output_shapes

# Scores, and offsets in cells: no more than 6 on photos and on noise.
LARGEST = 50.0


class Examiner:
    """Knows the shapes of sane outputs, and the right ones for one picture.

    What is right is learnt from the first backend that starts, since it agreed with the reference when it was
    measured; from the reference itself as soon as that runs.

    Args:
        size: the network's input.
    """

    def __init__(self, size: InputSize) -> None:
        self.picture: Canvas = check_picture(size)
        self._shapes = output_shapes(size)
        self._right: list[Tensor] | None = None

    def require_sane(self, tensors: Sequence[Tensor]) -> None:
        """Look at the outputs for any picture; 10 µs.

        Raises:
            TroubleError: they cannot be the network's.
        """
        shapes = tuple(tensor.shape for tensor in tensors)
        if shapes != self._shapes:
            wrong = [shape for shape in shapes if shape not in self._shapes]
            raise TroubleError("garbage", f"{len(shapes)} outputs, shapes that should not be: {wrong}")
        values = np.concatenate(tensors, axis=None)
        # A NaN fails the comparison too.
        if not (values.max() <= LARGEST and values.min() >= -LARGEST):
            raise TroubleError("garbage", f"outputs are not within ±{LARGEST:g}")

    def require_right(self, name: str, tensors: Sequence[Tensor]) -> None:
        """Look at the outputs for `picture`.

        Raises:
            TroubleError: they are not what they should be.
        """
        self.require_sane(tensors)
        if self._right is None or name == REFERENCE:
            # Copies: a backend's outputs are valid until its next call only.
            self._right = [np.array(tensor) for tensor in tensors]
        elif (error := difference(tensors, self._right)) > AGREE_WITHIN:
            raise TroubleError("garbage", f"outputs for the check picture are off by {error:.2g}")
