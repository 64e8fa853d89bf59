"""Group a network's operators into functions worth a loop nest each: channels last, weights laid out ahead of time."""

from tvm import IRModule, relax, transform
from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard
from tvm.relax.transform import FusionPattern, PatternCheckContext

from detector.compiling.folding import fold_layouts


def fused(module: IRModule) -> IRModule:
    """Return the module with one primitive function a group, none of them scheduled yet."""
    channels_last = relax.transform.ConvertLayout({"relax.nn.conv2d": ["NHWC", "HWIO"]})
    steps = [
        relax.transform.FoldConstant(),
        relax.transform.FuseOpsByPattern(_patterns(), bind_constants=False, annotate_codegen=False),
        relax.transform.LegalizeOps(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
        relax.transform.DeadCodeElimination(),
    ]
    return transform.Sequential(steps)(fold_layouts(channels_last(module)))


def _patterns() -> list[FusionPattern]:
    """Return what to group, the larger before what it contains."""
    picture = is_op("relax.permute_dims")(is_op("relax.permute_dims")(is_op("relax.astype")(wildcard())))
    clipped = _relu(_separable())
    return [
        FusionPattern("pooled", is_op("relax.nn.max_pool2d")(clipped), {"clipped": clipped}, _read_once),
        FusionPattern("clipped", _relu(_separable())),
        FusionPattern("separable", _separable()),
        FusionPattern("stem", _relu(_convolution(picture))),
    ]


def _separable() -> DFPattern:
    return _convolution(_convolution(wildcard()))


def _convolution(source: DFPattern) -> DFPattern:
    return is_op("relax.add")(is_op("relax.nn.conv2d")(source, is_const()), is_const())


def _relu(source: DFPattern) -> DFPattern:
    return is_op("relax.nn.relu")(source)


def _read_once(context: PatternCheckContext) -> bool:
    """Say whether only the pooling wants what is pooled."""
    variable = context.value_to_bound_var[context.annotated_expr["clipped"]]
    return len(context.var_usages[variable]) == 1
