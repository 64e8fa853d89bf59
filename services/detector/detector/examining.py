"""Tell a network's sane outputs from garbage, and its right ones from wrong ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.agreement import FAINT, disagreement, disagreement_of_kinds
from detector.backends import REFERENCE
from detector.families import Family
from detector.geometry import Canvas, LetterboxCanvas, Tensor
from detector.guarding import TroubleError
from facewire.messages import Face
from facewire.pixels import Picture


@dataclass(frozen=True, slots=True)
class _Right:
    family: str
    faces: tuple[Face, ...]


class Truth:
    """The faces in the check photo.

    They are learnt from the first backend that starts, since it agreed with the reference when it was measured; from
    the reference itself as soon as that runs.

    Args:
        photo: (height, width, 3) uint8 BGR, with faces in it.
    """

    def __init__(self, photo: Picture) -> None:
        self.photo = photo
        self._right: _Right | None = None

    def complaint(self, backend: str, family: str, faces: tuple[Face, ...]) -> str:
        """Say what is wrong with the faces that a backend found in the photo; empty where nothing is."""
        if self._right is None or backend == REFERENCE:
            self._right = _Right(family, faces)
            return ""
        if family == self._right.family:
            return disagreement(faces, self._right.faces)
        return disagreement_of_kinds(faces, self._right.faces, self.photo.shape[0])


class Examiner:
    """Knows a network's sane outputs, and the right faces of one photo.

    Args:
        family: the network.
        truth: the photo, and what is to be found in it.
    """

    def __init__(self, family: Family, truth: Truth) -> None:
        self.family = family
        # A canvas of its own: while a backend loads, it keeps this one for long.
        canvas, self._placed = LetterboxCanvas(family.size).fill(truth.photo)
        self.picture: Canvas = canvas
        self._truth = truth

    def require_sane(self, tensors: Sequence[Tensor]) -> None:
        """Look at the outputs for any picture; 10 µs.

        Raises:
            TroubleError: they cannot be the network's.
        """
        shapes = tuple(tensor.shape for tensor in tensors)
        if shapes != self.family.shapes:
            wrong = [shape for shape in shapes if shape not in self.family.shapes]
            raise TroubleError("garbage", f"{len(shapes)} outputs, shapes that should not be: {wrong}")
        values = np.concatenate(tensors, axis=None)
        # A NaN fails the comparison too.
        if not (values.max() <= self.family.largest and values.min() >= -self.family.largest):
            raise TroubleError("garbage", f"outputs are not within ±{self.family.largest:g}")

    def require_right(self, name: str, tensors: Sequence[Tensor]) -> None:
        """Look at the outputs for `picture`.

        Raises:
            TroubleError: they are not what they should be.
        """
        self.require_sane(tensors)
        try:
            faces = self.family.decode(tensors, self._placed, FAINT)
        except ValueError as error:
            raise TroubleError("garbage", f"faces that cannot be: {error}") from error
        complaint = self._truth.complaint(name, self.family.name, faces)
        if complaint:
            raise TroubleError("garbage", f"in the check photo: {complaint}")
