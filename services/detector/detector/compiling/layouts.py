"""Move changes of layout out of the way: TVM's ConvertLayout knows no `clip`, and puts one before and one after it."""

from tvm import IRModule, relax
from tvm.ir import GenericConst, Op
from tvm.relax.expr_functor import PyExprMutator, mutator
from tvm.relax.transform import CanonicalizeBindings, DeadCodeElimination
from tvm.tirx import FloatImm, IntImm

_PERMUTE = Op.get("relax.permute_dims")
_NAMES = ("clip", "maximum", "minimum", "add", "subtract", "multiply", "divide", "negative", "abs", "sqrt", "exp")
_ACTIVATIONS = ("sigmoid", "tanh", "nn.relu", "nn.silu", "nn.gelu", "nn.leakyrelu")
ONE_BY_ONE = {Op.get(f"relax.{name}") for name in (*_NAMES, *_ACTIVATIONS)}


def sink_layouts(module: IRModule) -> IRModule:
    """Return the module with each change of layout after what computes value by value, and opposite ones cancelled."""
    sinking = _Sinking(module)
    for name, function in module.functions_items():
        if isinstance(function, relax.Function):
            sinking.builder_.update_func(name, sinking.visit_expr(function))
    return DeadCodeElimination()(CanonicalizeBindings()(sinking.builder_.get()))


@mutator
class _Sinking(PyExprMutator):  # type: ignore[misc]  # TVM has no types
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if call.op == _PERMUTE:
            return self._joined(call)
        if call.op in ONE_BY_ONE:
            return self._sunk(call)
        return call

    def _joined(self, call: relax.Call) -> relax.Expr:
        """Make one of two changes of layout, none of one that changes nothing."""
        inner = self._permuted(call.args[0])
        axes, source = _axes(call), call.args[0]
        if inner is not None:
            axes, source = [_axes(inner)[axis] for axis in axes], inner.args[0]
        if axes == sorted(axes):
            return source
        return relax.op.permute_dims(source, axes)

    def _sunk(self, call: relax.Call) -> relax.Expr:
        """Compute before the change of layout what was computed after it, where all operands agree on it."""
        inner = [self._permuted(argument) for argument in call.args]
        axes = {tuple(_axes(each)) for each in inner if each is not None}
        free = all(
            each is not None or self._is_scalar(argument) for each, argument in zip(inner, call.args, strict=True)
        )
        if len(axes) != 1 or not free:
            return call
        sources = [argument if each is None else each.args[0] for each, argument in zip(inner, call.args, strict=True)]
        computed = self.builder_.emit(relax.Call(call.op, sources, call.attrs))
        return relax.op.permute_dims(computed, list(axes.pop()))

    def _permuted(self, value: relax.Expr) -> relax.Call | None:
        """Return the change of layout that a value comes from, None where it comes from something else."""
        if isinstance(value, relax.Var):
            value = self.lookup_binding(value)
        return value if isinstance(value, relax.Call) and value.op == _PERMUTE and value.attrs.axes else None

    def _is_scalar(self, value: relax.Expr) -> bool:
        """Say whether a value looks alike in every layout."""
        if isinstance(value, relax.Var):
            value = self.lookup_binding(value)
        if isinstance(value, GenericConst):
            return bool(value.value.numpy().size == 1)
        return isinstance(value, IntImm | FloatImm)


def _axes(call: relax.Call) -> list[int]:
    return [int(axis) for axis in call.attrs.axes]
