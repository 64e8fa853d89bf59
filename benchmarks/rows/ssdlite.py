# mypy: ignore-errors
"""Worker: SSDLite320-MobileNetV3 in PyTorch, the network alone; runs in an environment that has torch."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

from benchmarks.rows.pipe import Prepared, serve

# Compiled operators of torchvision's, none of which the network needs. They load only beside the one build of torch
# that they were made for, and torchvision does not import before they are defined.
STUBS = (
    *("nms", "qnms", "roi_align", "_roi_align_backward", "roi_pool", "_roi_pool_backward", "ps_roi_align"),
    *("_ps_roi_align_backward", "ps_roi_pool", "_ps_roi_pool_backward", "deform_conv2d", "_deform_conv2d_backward"),
)
SEED = 20_26


class Net(nn.Module):
    """Backbone and heads of torchvision's detector, without anchors and post-processing."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return box regressions and class logits."""
        found = self.head(list(self.backbone(picture).values()))
        return found["bbox_regression"], found["cls_logits"]


def untrained() -> Net:
    """Return the network with random weights."""
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large  # noqa: PLC0415  after the stubs

    torch.manual_seed(SEED)
    whole = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    return Net(whole.backbone, whole.head).eval()


def save_weights(file: Path, square_path: Path) -> None:
    """Write random weights whose activations are as large as a trained network's: as they are, they fade to 1e-15.

    A process of its own: this frees larger blocks than inference does, after which the C library keeps memory that it
    would give back between two inferences, and PyTorch is a quarter faster than people find it.
    """
    picture, net = torch.from_numpy(np.load(square_path)), untrained()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
            layer.reset_running_stats()
    # As many and as different as the deepest layers want, which look at a single pixel.
    pictures = [picture.roll((40 * k, 56 * k), (2, 3)) * (1 - k / 10) for k in range(8)]
    with torch.no_grad():
        net.train()(torch.cat(pictures))
    torch.save(net.state_dict(), file)


def scripted(net: nn.Module, picture: torch.Tensor) -> nn.Module:
    """Return the network as TorchScript, with its weights frozen."""
    return torch.jit.freeze(torch.jit.trace(net, picture, strict=False).eval())


def quantised(net: nn.Module, picture: torch.Tensor) -> nn.Module:
    """Return the network as TorchScript in int8, calibrated with one picture."""
    engine = "qnnpack" if "fbgemm" not in torch.backends.quantized.supported_engines else "x86"
    torch.backends.quantized.engine = engine
    # What heads of different sizes say shares no scale: joined as int8, most of it is lost.
    mapping = get_default_qconfig_mapping(engine).set_object_type(torch.cat, None)
    observed = prepare_fx(net, mapping, (picture,))
    observed(picture)
    return scripted(convert_fx(observed), picture)


WAYS: dict[str, Callable[[nn.Module, torch.Tensor], nn.Module]] = {
    "pytorch-eager": lambda net, _: net,
    "torchscript": scripted,
    "torchscript-int8": quantised,
}


def prepare(way: str, threads: int, weights: Path, square_path: Path) -> Prepared:
    """Load the network one of the ways."""
    torch.set_num_threads(threads)
    picture, net = torch.from_numpy(np.load(square_path)), untrained()
    net.load_state_dict(torch.load(weights))
    with torch.no_grad():
        ready = WAYS[way](net, picture)

    def infer() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            return ready(picture)

    note = "" if way == "pytorch-eager" else "error against pytorch-eager, with random weights"
    return Prepared({"net": infer}, [output.numpy() for output in infer()], note)


def main() -> None:
    """Be a worker, or make the weights for the workers."""
    way, threads, weights, square = sys.argv[1:]
    # It must outlive what it defines.
    library = torch.library.Library("torchvision", "DEF")
    for stub in STUBS:
        library.define(f"{stub}(Tensor x) -> Tensor")
    if way == "weights":
        save_weights(Path(weights), Path(square))
    else:
        failures = (ImportError, OSError, RuntimeError, NotImplementedError)
        serve(lambda: prepare(way, int(threads), Path(weights), Path(square)), failures)


if __name__ == "__main__":
    main()
