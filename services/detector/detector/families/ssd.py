"""Decode the tensors of an SSD network that ends in TensorFlow Lite's detection post-processing.

The operator TFLite_Detection_PostProcess (tensorflow/lite/kernels/detection_postprocess.cc) decodes anchors and drops
overlaps itself. It gives boxes (1, N, 4) as top, left, bottom, right in parts of the input, best first; their classes
(1, N); their scores (1, N); and how many of the N there are (1,), all float32. A face network has one class.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from detector.families import Family
from detector.geometry import InputSize, Letterbox, Tensor
from detector.nms import keep_best
from facewire.messages import FACES_LIMIT, Face

SIZE = InputSize(320, 320)
"""What google-coral's ssd_mobilenet_v2_face_quant_postprocess takes."""

ROOM = 100
"""How many detections the tensors hold, whatever room a network itself has; the operator's users choose 10 to 100."""

# What YuNet uses; the operator's own limit leaves two boxes on some faces.
NMS_IOU = 0.3


def family() -> Family:
    """Return what there is to know of google-coral's face network."""
    return Family(
        name="ssd",
        size=SIZE,
        shapes=((1, ROOM, 4), (1, ROOM), (1, ROOM), (1,)),
        # Boxes are parts of the input, and classes and the count small numbers.
        largest=1000.0,
        decode=decode,
    )


def is_layout(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Say whether a network's outputs are the operator's: boxes, classes, scores and count."""
    if len(shapes) != 4 or len(shapes[0]) != 3:
        return False
    room = shapes[0][1]
    return tuple(shapes) == ((1, room, 4), (1, room), (1, room), (1,))


def settle(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Bring the operator's outputs to the room that the family has; the best come first, so none of weight is lost."""
    boxes, classes, scores, count = tensors
    missing = max(0, ROOM - boxes.shape[1])
    wide = [
        np.pad(tensor[:, :ROOM], [(0, 0), (0, missing), *[(0, 0)] * (tensor.ndim - 2)])
        for tensor in (boxes, classes, scores)
    ]
    return [*wide, np.minimum(count, ROOM)]


def decode(tensors: Sequence[Tensor], placed: Letterbox, score_threshold: float) -> tuple[Face, ...]:
    """Turn the operator's outputs into faces without landmarks in pixels of the original picture, best score first.

    Args:
        tensors: boxes (1, N, 4), classes (1, N), scores (1, N) and count (1,), float32.
        placed: how the picture lies in the input.
        score_threshold: faces below it are left out.
    """
    boxes, _, scores, count = tensors
    # What lies behind the count is left over from earlier pictures.
    there = slice(0, max(0, round(float(count[0]))))
    boxes, scores = boxes[0, there], scores[0, there]
    # A box below a pixel is no face; one that is no number stays, to be refused.
    smallest = (1 / SIZE.height, 1 / SIZE.width)
    chosen = np.flatnonzero((scores >= score_threshold) & ~(boxes[:, 2:] - boxes[:, :2] < smallest).any(axis=1))
    if not len(chosen):
        return ()
    sides = np.array((SIZE.width / placed.scale_x, SIZE.height / placed.scale_y), np.float32)
    xyxy = boxes[chosen][:, [1, 0, 3, 2]] * np.tile(sides, 2)
    kept = keep_best(xyxy, scores[chosen], NMS_IOU)[:FACES_LIMIT]
    faces = [
        {"xyxy": box, "score": min(score, 1.0), "landmarks": None}
        for box, score in zip(xyxy[kept].tolist(), scores[chosen][kept].tolist(), strict=True)
    ]
    return msgspec.convert(faces, tuple[Face, ...])
