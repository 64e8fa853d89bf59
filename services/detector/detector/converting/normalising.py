"""Put a network's normalisation into its first convolution, so that a picture's bytes go in as they are.

For inputs `(p - m) / s` a convolution with weights `w` gives what weights `w / s` give for `p - m`; turning channels
around turns the weights around. The mean leaves `sum(w m / s)` to take from the bias, but only where the convolution
pads nothing: padding is zero *after* normalisation, which is the mean before it. Where it pads, the mean is subtracted
first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from detector.converting.pictures import Normalisation

Weights = dict[str, NDArray[np.float32]]
NAME = "normalisation"


def take_bgr(model: ModelProto, normalisation: Normalisation) -> str:
    """Change a network so that it takes BGR, 0..255; all shapes stay.

    Returns:
        What became of the normalisation, in a few words.
    """
    if normalisation.nothing:
        return "none"
    graph = model.graph
    source = graph.input[0].name
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    readers = [node for node in graph.node if source in node.input]
    if not all(_can_fold(node, weights, source) for node in readers):
        _insert(model, normalisation, whole=True)
        return "operators before the network"
    mean = any(normalisation.mean)
    inside = mean and not any(_pads(node) for node in readers)
    for at, node in enumerate(readers):
        _fold(model, node, weights, normalisation, f"{NAME}_{at}", mean=inside)
    if mean and not inside:
        _insert(model, normalisation, whole=False)
    _drop_unused(model)
    return "in the first convolution" + (", but the mean before it, which pads" if mean and not inside else "")


def _can_fold(node: NodeProto, weights: Weights, source: str) -> bool:
    constant = all(name in weights for name in list(node.input)[1:])
    return (
        node.op_type == "Conv"
        and list(node.input).count(source) == 1
        and constant
        and _attribute(node, "group") in (None, 1)
    )


def _pads(node: NodeProto) -> bool:
    pads = _attribute(node, "pads")
    return (pads is not None and any(pads)) or _attribute(node, "auto_pad") not in (None, b"NOTSET", b"VALID")


def _attribute(node: NodeProto, name: str) -> Any:  # noqa: ANN401  ONNX has attributes of many types
    found = (helper.get_attribute_value(each) for each in node.attribute if each.name == name)
    return next(found, None)


def _fold(model: ModelProto, node: NodeProto, weights: Weights, by: Normalisation, name: str, *, mean: bool) -> None:
    """Give a convolution weights, and with `mean` a bias, for a BGR picture."""
    old = weights[node.input[1]].astype(np.float64)
    scaled = old / np.reshape(by.scale, (1, 3, 1, 1))
    # The order is its own inverse.
    new = {f"{name}_weight": scaled[:, by.order]}
    if mean:
        bias = weights[node.input[2]] if len(node.input) > 2 else np.zeros(len(old))
        new[f"{name}_bias"] = bias - (scaled * np.reshape(by.mean, (1, 3, 1, 1))).sum(axis=(1, 2, 3))
    model.graph.initializer.extend(numpy_helper.from_array(each.astype(np.float32), key) for key, each in new.items())
    names = list(node.input)
    names[1 : 1 + len(new)] = new
    del node.input[:]
    node.input.extend(names)


def _insert(model: ModelProto, by: Normalisation, *, whole: bool) -> None:
    """Put operators between the input and all that read it: the mean alone, or all of the normalisation."""
    graph = model.graph
    source = graph.input[0].name
    # In the picture's order: what turns the channels around comes last.
    mean, scale = ([values[at] for at in by.order] for values in (by.mean, by.scale))
    steps = [("Sub", mean, 0.0)] + ([("Div", scale, 1.0)] if whole else [])
    nodes, last = [], source
    for kind, values, neutral in steps:
        if any(value != neutral for value in values):
            name = f"{NAME}_{kind.lower()}"
            array = np.reshape(np.array(values, np.float32), (1, 3, 1, 1))
            graph.initializer.append(numpy_helper.from_array(array, f"{name}_by"))
            nodes.append(helper.make_node(kind, [last, f"{name}_by"], [name], name=name))
            last = name
    if whole and by.rgb:
        graph.initializer.append(numpy_helper.from_array(np.array(by.order, np.int64), f"{NAME}_order"))
        nodes.append(helper.make_node("Gather", [last, f"{NAME}_order"], [f"{NAME}_rgb"], f"{NAME}_rgb", axis=1))
        last = f"{NAME}_rgb"
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == source:
                node.input[at] = last
    for node in reversed(nodes):
        graph.node.insert(0, node)


def _drop_unused(model: ModelProto) -> None:
    read = {name for node in model.graph.node for name in node.input}
    for constant in [each for each in model.graph.initializer if each.name not in read]:
        model.graph.initializer.remove(constant)
