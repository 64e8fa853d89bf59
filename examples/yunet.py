# mypy: ignore-errors
"""YuNet in PyTorch, with the weights of the ONNX file that the detector uses: `examples.yunet:network`.

The layers are those of the paper (Wu, Peng & Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) as the
published ONNX file has them: batch normalisation is part of the convolutions already.
"""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

MODEL = Path(__file__).parents[1] / ".facewire" / "models" / "face_detection_yunet_2023mar.onnx"
FEATURES = 64
HEADS = {"cls": 1, "bbox": 4, "obj": 1, "kps": 10}
"""Channels of each head, in the order in which the file has them."""
ORDER = ("cls", "obj", "bbox", "kps")
"""The order in which the network returns them, each for the strides 8, 16 and 32."""
SCORES = ("cls", "obj")


class Separable(nn.Sequential):
    """A 1x1 convolution, then a 3x3 depthwise one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs))


class YuNet(nn.Module):
    """The network: three grids of features, four heads on each. Its convolutions stand in the order of the file's."""

    def __init__(self) -> None:
        super().__init__()
        relu, pool = nn.ReLU(), nn.MaxPool2d(2)
        start = (nn.Conv2d(3, 16, 3, stride=2, padding=1), relu, Separable(16, 16), relu, pool)
        middle = [layer for pair in ((16, 16), (16, 32), (32, 32), (32, 64)) for layer in (Separable(*pair), relu)]
        wide = [(Separable(FEATURES, FEATURES), relu, Separable(FEATURES, FEATURES), relu) for _ in range(3)]
        self.stages = nn.ModuleList(
            (
                nn.Sequential(*start, *middle, pool, *wide[0]),
                nn.Sequential(pool, *wide[1]),
                nn.Sequential(pool, *wide[2]),
            )
        )
        self.laterals = nn.ModuleList(nn.Sequential(Separable(FEATURES, FEATURES), relu) for _ in range(3))
        self.heads = nn.ModuleDict(
            {name: nn.ModuleList(Separable(FEATURES, channels) for _ in range(3)) for name, channels in HEADS.items()}
        )

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Return the heads' tensors, (1, cells, channels) each, of a (1, 3, height, width) picture, BGR, 0..255."""
        features = []
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        above, grids = None, []
        for lateral, feature in zip(self.laterals, reversed(features), strict=True):
            mixed = feature if above is None else feature + functional.interpolate(above, scale_factor=2.0)
            above = lateral(mixed)
            grids.insert(0, above)
        return {
            f"{name}_{8 << level}": self._head(name, level, grid) for name in ORDER for level, grid in enumerate(grids)
        }

    def _head(self, name: str, level: int, grid: Tensor) -> Tensor:
        found = self.heads[name][level](grid).permute(0, 2, 3, 1).reshape(1, -1, HEADS[name])
        return found.sigmoid() if name in SCORES else found


def network() -> nn.Module:
    """Return the network with its trained weights."""
    graph = onnx.load(MODEL).graph
    arrays = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in graph.initializer}
    trained = [node.input[1:] for node in graph.node if node.op_type == "Conv"]
    net = YuNet()
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    for layer, (weight, bias) in zip(layers, trained, strict=True):
        # Refuses weights of another shape.
        layer.load_state_dict({"weight": arrays[weight], "bias": arrays[bias]})
    return net.eval()
