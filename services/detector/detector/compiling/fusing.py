"""Group a network's operators into functions worth a loop nest each: channels last, weights laid out ahead of time."""

from tvm import IRModule, relax, transform
from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard
from tvm.relax.transform import FusionPattern, PatternCheckContext

from detector.compiling.clipping import clips_as_operators
from detector.compiling.folding import fold_layouts
from detector.compiling.layouts import sink_layouts


def fused(module: IRModule, lanes: int) -> IRModule:
    """Return the module with one primitive function a group, none of them scheduled yet.

    Args:
        module: the network.
        lanes: float32 values in a vector register of the CPU.
    """
    channels_last = relax.transform.ConvertLayout({"relax.nn.conv2d": ["NHWC", "HWIO"]})
    steps = [
        relax.transform.FoldConstant(),
        relax.transform.FuseOpsByPattern(_patterns(lanes), bind_constants=False, annotate_codegen=False),
        relax.transform.LegalizeOps(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
        relax.transform.DeadCodeElimination(),
    ]
    return transform.Sequential(steps)(sink_layouts(fold_layouts(channels_last(clips_as_operators(module)))))


def _patterns(lanes: int) -> list[FusionPattern]:
    """Return what to group, the larger before what it contains; of all else TVM joins what follows a convolution."""
    picture = is_op("relax.astype")(wildcard())
    stem = is_op("relax.nn.conv2d")(picture, is_const())
    product = is_op("relax.nn.conv2d")(wildcard(), is_const())
    depthwise = is_op("relax.nn.conv2d")(_biased(product), is_const())
    separable = _biased(depthwise)
    clipped = _relu(separable)
    pooled = is_op("relax.nn.max_pool2d")(clipped)
    convolutions = {"product": product, "depthwise": depthwise}

    def served(context: PatternCheckContext) -> bool:
        return _read_once(context) and _is_separable(context, lanes)

    def from_picture(context: PatternCheckContext) -> bool:
        return _read_once(context) and _looks_at_three_rows(context.annotated_expr["stem"])

    return [
        FusionPattern("pooled", pooled, convolutions, served),
        FusionPattern("clipped", clipped, convolutions, served),
        FusionPattern("separable", separable, convolutions, served),
        FusionPattern("stem", _relu(_biased(stem)), {"stem": stem}, from_picture),
    ]


def _biased(source: DFPattern) -> DFPattern:
    return is_op("relax.add")(source, is_const())


def _relu(source: DFPattern) -> DFPattern:
    return is_op("relax.nn.relu")(source)


def _read_once(context: PatternCheckContext) -> bool:
    """Say whether all but the last value of a group is wanted by the group alone, once."""
    inner = [variable for variable, value in context.matched_bindings.items() if value != context.matched_expr]
    return all(len(context.var_usages[variable]) == 1 for variable in inner)


def _is_separable(context: PatternCheckContext, lanes: int) -> bool:
    """Say whether the loops of `separable` compute these two convolutions, and do so with full vectors."""
    product, depthwise = context.annotated_expr["product"], context.annotated_expr["depthwise"]
    outputs = _kernel(product)[3]
    return (
        _kernel(product)[:2] == (1, 1)
        and _kernel(depthwise) == (3, 3, 1, outputs)
        and outputs % lanes == 0
        and _way(product) == ((1, 1), {0}, {1}, 1)
        and _way(depthwise) == ((1, 1), {1}, {1}, outputs)
    )


def _looks_at_three_rows(stem: relax.Call) -> bool:
    return _kernel(stem)[:3] == (3, 3, 3) and _way(stem) == ((2, 2), {1}, {1}, 1)


def _kernel(convolution: relax.Call) -> tuple[int, ...]:
    """Return the weights' shape: height, width, inputs a group, outputs."""
    return tuple(convolution.args[1].value.numpy().shape)


def _way(convolution: relax.Call) -> tuple[tuple[int, ...], set[int], set[int], int]:
    """Return strides, all paddings, all dilations, groups."""
    attributes = convolution.attrs
    strides, padding, dilation = (
        tuple(int(each) for each in sides) for sides in (attributes.strides, attributes.padding, attributes.dilation)
    )
    return strides, set(padding), set(dilation), int(attributes.groups)
