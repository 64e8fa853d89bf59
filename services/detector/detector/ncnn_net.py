"""A network of ncnn's as one file: layers and weights in a zip, whose checksums tell when it was damaged."""

import re
import zipfile
from pathlib import Path

LAYERS, WEIGHTS = "net.param", "net.bin"
# ncnn's Reshape: 0 is the width, 1 the height, here of two dimensions only.
_RESHAPE = re.compile(r"^(Reshape\s.*\s0=\d+\s1=)\d+\s*$", re.MULTILINE)


class NetFileError(Exception):
    """The file is not there, or not whole."""


def any_size(layers: str) -> str:
    """Let a network's heights be counted when it runs, so that it takes pictures of any size.

    All that pnnx writes of the size of a convolutional network's input are the rows of the matrices that its outputs
    are reshaped to, which ncnn also works out where it reads -1.

    Args:
        layers: the text of a `.param` file.
    """
    return _RESHAPE.sub(r"\g<1>-1", layers)


def pack(layers: str, weights: bytes, target: Path) -> None:
    """Write a network, whole or not at all."""
    half_done = target.with_suffix(".tmp")
    with zipfile.ZipFile(half_done, "w") as archive:
        archive.writestr(LAYERS, layers)
        archive.writestr(WEIGHTS, weights)
    half_done.replace(target)


def unpack(net_file: Path, folder: Path) -> tuple[Path, Path]:
    """Lay out a network as ncnn reads it.

    Returns:
        The file of its layers, and that of its weights.

    Raises:
        NetFileError: there is none, or its checksums are wrong.
    """
    try:
        with zipfile.ZipFile(net_file) as archive:
            layers, weights = (Path(archive.extract(name, folder)) for name in (LAYERS, WEIGHTS))
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise NetFileError(f"{net_file.name}: {error}") from error
    return layers, weights
