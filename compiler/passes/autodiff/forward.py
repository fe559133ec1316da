"""Forward mode: each active value gets a tangent, computed right after it.

    func @f(%x: f64) {              func @jvp_f(%x: f64, %x_dot: f64) {
        %y = sin %x : f64               %y = sin %x : f64
        return %y             =>        %0 = cos %x : f64 #tangent
    }                                   %y_dot = multiply %x_dot, %0 : f64 #tangent
                                        return %y, %y_dot
                                    }

Loops and branches carry the tangents of what they carry. Where nothing active reaches, there is no tangent: it is zero,
and becomes an array of zeros only where a loop, a branch or the caller needs one.
"""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op
from wengert.compiler.passes.autodiff.activity import analyse, differentiable_operands
from wengert.compiler.passes.autodiff.parallel import are_sums
from wengert.compiler.passes.autodiff.rules import drop_dead, fit, partials_of, scaled
from wengert.compiler.passes.autodiff.structure import (
    LOOPS,
    Structure,
    body_of,
    carried_inits,
    carried_params,
)


def forward(function: Function, active: Sequence[bool]) -> Function:
    """The function with its Jacobian-vector product.

    active: one per parameter; the marked ones are floating point. Parameters: the original ones, then one tangent (of
    the same type) for each active one. Results: the original ones, then one tangent for each of floating-point type.
    Nothing is written back. Raises DifferentiationError.
    """
    return _Forward(function, active).function()


def forward_with_maps(
    function: Function, active: Sequence[bool]
) -> tuple[Function, dict[Value, Value], dict[Value, Value]]:
    """As `forward`, with its maps: value of the input -> its copy, and -> its tangent, absent where that is zero."""
    state = _Forward(function, active)
    return state.function(), state.mapping, state.tangents


class _Forward:
    """`mapping`: value of the input -> its copy; `tangents`: value of the input -> its tangent, absent where zero."""

    def __init__(self, function: Function, active: Sequence[bool]):
        self.input, self.marked = function, active
        self.active = analyse(Structure(function), active).active
        self.mapping: dict[Value, Value] = {}
        self.tangents: dict[Value, Value] = {}
        self.builder = Builder(Block())

    def function(self) -> Function:
        body = self.builder.block
        for p in self.input.params:
            self.mapping[p] = clone_value(p)
            body.params.append(self.mapping[p])
        for p, marked in zip(self.input.params, self.marked, strict=True):
            if marked:
                self.tangents[p] = _dotted(p)
                body.params.append(self.tangents[p])
        self._ops(self.input.body)
        body.results = [self._of(v) for v in self.input.results]
        with self.builder.at(role="tangent"):
            body.results += [self._tangent(v) for v in self.input.results if v.type.dtype.is_differentiable]
        drop_dead(body, ("tangent",))
        return Function(f"jvp_{self.input.name}", body)

    def primal(self, value: Value) -> Value:
        """For the rows' pushforwards: the copy of a value of the input."""
        return self._of(value)

    def _of(self, value: Value) -> Value:
        return self.mapping.get(value, value)

    def _tangent(self, value: Value) -> Value:
        """The tangent of a value, zeros where it has none."""
        found = self.tangents.get(value)
        if found is None:
            return self.builder.zeros_like(self._of(value))
        return fit(self.builder, found, value.type)

    def _ops(self, block: Block) -> None:
        for op in block.ops:
            if op.name in LOOPS:
                self._loop(op)
            elif op.name == "if":
                self._if(op)
            else:
                made = copy_op(self.builder, op, [self._of(v) for v in op.operands])
                self.mapping.update(zip(op.results, made.results, strict=True))
                if any(r in self.active for r in op.results):
                    self._differentiate(op)

    # -- ops without regions

    def _differentiate(self, op: Op) -> None:
        through = differentiable_operands(op)
        seeds = [self.tangents.get(v) if v in through else None for v in op.operands]
        if all(seed is None for seed in seeds):
            return
        with self.builder.at(op.span, "tangent"):
            row = REGISTRY[op.name]
            if row.partials is not None:
                made: Sequence[Value] = [self._by_partials(op, seeds)]
            elif row.linear_in:
                made = self._linear(op, seeds)
            elif row.pushforward is not None:
                made = row.pushforward(self, op, *seeds)
            else:
                raise DifferentiationError(
                    f"`{op.name}` has a rule for reverse mode only",
                    op.span,
                    "use reverse mode, or give the function around it a forward rule with `def_jvp`",
                )
            for result, tangent in zip(op.results, made, strict=True):
                if tangent.type.is_scalar and result.type.is_array:  # only scalars among the operands were active
                    tangent = self.builder.broadcast(tangent, self.builder.extents(self._of(result)))
                tangent.hint = tangent.hint or (result.hint and f"{result.hint}_dot")
                self.tangents[result] = tangent

    def _by_partials(self, op: Op, seeds: list[Value | None]) -> Value:
        partials = partials_of(self.builder, op, self._of(op.result), [self._of(v) for v in op.operands])
        strong = REGISTRY[op.name].singular
        total: Value | None = None
        for seed, partial in zip(seeds, partials, strict=True):
            if seed is None or partial is None:
                continue
            term = scaled(self.builder, seed, partial, strong)
            total = term if total is None else self.builder.emit("add", total, term)
        assert total is not None
        return total

    def _linear(self, op: Op, seeds: list[Value | None]) -> Sequence[Value]:
        row = REGISTRY[op.name]
        operands = []
        for k, (v, seed) in enumerate(zip(op.operands, seeds, strict=True)):
            copy = self._of(v)
            if k not in row.linear_in:
                operands.append(copy)
            elif seed is not None:
                operands.append(fit(self.builder, seed, copy.type))
            elif row.kind == "elementwise":
                operands.append(self.builder.constant(0, copy.type.dtype))
            else:
                operands.append(self.builder.zeros_like(copy))
        return self.builder.op(op.name, operands, **op.attrs).results

    # -- loops and branches

    def _loop(self, op: Op) -> None:
        params, inits = carried_params(op), carried_inits(op)
        carried = [k for k, p in enumerate(params) if p in self.active or op.results[k] in self.active]
        with self.builder.at(op.span, "tangent"):
            starts = [self._tangent(inits[k]) for k in carried]
        regions = []
        for region in op.regions:
            new = Block([clone_value(p) for p in region.params])
            self.mapping.update(zip(region.params, new.params, strict=True))
            dots = [_dotted(params[k]) for k in carried]
            new.params += dots
            with self.builder.inside(new):
                if region is not body_of(op):  # the condition of a `while`: the tangents pass it by
                    self._condition(region)
                    new.results = [self._of(v) for v in region.results]
                else:
                    self.tangents.update(zip((params[k] for k in carried), dots, strict=True))
                    self._ops(region)
                    new.results = [self._of(v) for v in region.results]
                    with self.builder.at(op.span, "tangent"):
                        ends = [self._tangent(region.results[k]) for k in carried]
                    new.results += ends
            regions.append(new)
        attrs = dict(op.attrs)
        if attrs.get("parallel") and not are_sums(dots, ends):
            attrs["parallel"] = False  # the tangent of a running maximum or product needs its trips in order
        operands = [self._of(v) for v in op.operands] + starts
        types = [v.type for v in op.results] + [op.results[k].type for k in carried]
        hints = [v.hint for v in op.results] + [_dotted(op.results[k]).hint for k in carried]
        with self.builder.at(op.span, op.role):
            made = self.builder.op(op.name, operands, regions, hints, types, **attrs)
        self.mapping.update(zip(op.results, made.results, strict=False))
        self.tangents.update(zip((op.results[k] for k in carried), made.results[len(op.results) :], strict=True))

    def _condition(self, region: Block) -> None:
        active, self.active = self.active, set()
        self._ops(region)
        self.active = active

    def _if(self, op: Op) -> None:
        carried = [k for k, r in enumerate(op.results) if r in self.active]
        regions = []
        for region in op.regions:
            new = Block()
            with self.builder.inside(new):
                self._ops(region)
                new.results = [self._of(v) for v in region.results]
                with self.builder.at(op.span, "tangent"):
                    new.results += [self._tangent(region.results[k]) for k in carried]
            regions.append(new)
        types = [v.type for v in op.results] + [op.results[k].type for k in carried]
        hints = [v.hint for v in op.results] + [_dotted(op.results[k]).hint for k in carried]
        with self.builder.at(op.span, op.role):
            made = self.builder.op("if", [self._of(op.operands[0])], regions, hints, types, **op.attrs)
        self.mapping.update(zip(op.results, made.results, strict=False))
        self.tangents.update(zip((op.results[k] for k in carried), made.results[len(op.results) :], strict=True))


def _dotted(value: Value) -> Value:
    return Value(value.type, f"{value.hint}_dot" if value.hint else "")
