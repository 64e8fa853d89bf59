# mypy: ignore-errors
"""SSDLite320-MobileNetV3 with torchvision's architecture, without its post-processing: `examples.ssdlite:network`."""

import torch
from torch import nn

from benchmarks.rows.ssdlite import STUBS, untrained

SIDE_PX = 320
# It must outlive what it defines.
_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def network() -> nn.Module:
    """Return the network with random weights, whose activations are as large as a trained network's."""
    for stub in STUBS:
        _OPERATORS.define(f"{stub}(Tensor x) -> Tensor")
    whole = untrained()
    for layer in whole.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
            layer.reset_running_stats()
    with torch.no_grad():
        # Smooth, as photos are, and each other than the next.
        whole.train()(nn.functional.interpolate(torch.randn(8, 3, 20, 20), (SIDE_PX, SIDE_PX), mode="bilinear"))
    return whole.eval()
