"""Make operators of `Clip`'s loops again: TVM's reader gives loops, which join no convolution before them."""

from tvm import IRModule, relax
from tvm.ir import GenericConst, Op
from tvm.relax.expr_functor import PyExprMutator, mutator

_CALL, _WHERE = Op.get("relax.call_tir"), Op.get("relax.where")
_OPERATORS = {"maximum": relax.op.maximum, "minimum": relax.op.minimum}


def clips_as_operators(module: IRModule) -> IRModule:
    """Return the module with an operator for each maximum or minimum with a constant bound."""
    reading = _Reading(module)
    for name, function in module.functions_items():
        if isinstance(function, relax.Function):
            reading.builder_.update_func(name, reading.visit_expr(function))
    return reading.builder_.get()


@mutator
class _Reading(PyExprMutator):  # type: ignore[misc]  # TVM has no types
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if call.op != _CALL or len(call.args[1].fields) != 2:
            return call
        source, bound = call.args[1].fields
        operator = _OPERATORS.get(call.args[0].name_hint.rstrip("0123456789"))
        constant = self._constant(bound)
        return call if operator is None or constant is None else operator(source, constant)

    def _constant(self, bound: relax.Expr) -> GenericConst | None:
        """Return a bound; the reader guards it against not being a number, which a constant shows by itself."""
        if isinstance(bound, relax.Var):
            bound = self.lookup_binding(bound)
        if isinstance(bound, relax.Call) and bound.op == _WHERE:
            bound = bound.args[2]
        number = isinstance(bound, GenericConst) and bound.value.numpy().size == 1
        return bound if number and bound.value.numpy() == bound.value.numpy() else None
