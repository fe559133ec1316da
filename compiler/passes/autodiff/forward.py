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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op, copy_ops
from wengert.compiler.ir.types import Type
from wengert.compiler.passes.autodiff.activity import analyse, differentiable_operands
from wengert.compiler.passes.autodiff.parallel import are_sums
from wengert.compiler.passes.autodiff.rules import drop_dead, fit, partials_of, say_extents, scaled
from wengert.compiler.passes.autodiff.structure import Structure


def forward(function: Function, active: Sequence[bool]) -> Function:
    """The function with its Jacobian-vector product.

    active: one per parameter; the marked ones are floating point. Parameters: the original ones, then one tangent (of
    the same type) for each active one. Results: the original ones, then one tangent for each of floating-point type.
    Nothing is written back. Raises DifferentiationError.
    """
    return Forward(function, [active]).function()


def vector_forward(function: Function, directions: Sequence[Sequence[bool]]) -> Function:
    """The function with several Jacobian-vector products in one sweep: they share its own work and its partials.

    directions: for each of them, as `active` of `forward`. Parameters: the original ones, then direction by direction
    one tangent for each active one. Results: the original ones, then direction by direction one tangent for each of
    floating-point type. Raises DifferentiationError.
    """
    return Forward(function, directions).function()


def forward_with_maps(
    function: Function, active: Sequence[bool]
) -> tuple[Function, dict[Value, Value], dict[Value, Value]]:
    """As `forward`, with its maps: value of the input -> its copy, and -> its tangent, absent where that is zero.

    Functions that have a rule for reverse mode only are differentiated themselves, and tangents stay that nothing needs.
    """
    state = _Through(function, [active])
    return state.function(keep=True), state.mapping, state.directions[0].tangents


@dataclass(slots=True)
class Direction:
    """One tangent of each active value. marked: the active parameters; tangents: value of the input -> its tangent,
    absent where that is zero."""

    marked: Sequence[bool]
    active: set[Value]
    tangents: dict[Value, Value] = field(default_factory=dict)


class Forward:
    """`mapping`: value of the input -> its copy. Subclasses may carry something else than tangents (dependence.py)."""

    def tangent_type(self, type_: Type) -> Type:
        return type_

    def __init__(self, function: Function, directions: Sequence[Sequence[bool]]):
        self.input = function
        structure = Structure(function)
        reached = {mask: analyse(structure, mask).active for mask in dict.fromkeys(map(tuple, directions))}
        self.directions = [Direction(mask, reached[tuple(mask)]) for mask in directions]
        self.mapping: dict[Value, Value] = {}
        self.builder = Builder(Block())

    def function(self, keep: bool = False) -> Function:
        body = self.builder.block
        for p in self.input.params:
            self.mapping[p] = clone_value(p)
            body.params.append(self.mapping[p])
        for direction in self.directions:
            for p, marked in zip(self.input.params, direction.marked, strict=True):
                if marked:
                    direction.tangents[p] = self._dotted(p)
                    body.params.append(direction.tangents[p])
        self._ops(self.input.body)
        body.results = [self._of(v) for v in self.input.results]
        floating = [v for v in self.input.results if v.type.dtype.is_differentiable]
        with self.builder.at(role="tangent"):
            for direction in self.directions:
                for value in floating:
                    tangent = self._tangent(value, direction)
                    say_extents(self.builder, tangent, self._of(value), "a tangent has other extents than its result")
                    body.results.append(tangent)
        if not keep:
            drop_dead(body, ("tangent",))
        return Function(f"jvp_{self.input.name}", body)

    def primal(self, value: Value) -> Value:
        """For the rows' pushforwards: the copy of a value of the input."""
        return self._of(value)

    def _of(self, value: Value) -> Value:
        return self.mapping.get(value, value)

    def _tangent(self, value: Value, direction: Direction) -> Value:
        """The tangent of a value, zeros where it has none."""
        return self._tangent_of(value, direction.tangents.get(value))

    def _tangent_of(self, value: Value, found: Value | None) -> Value:
        type_ = self.tangent_type(value.type)
        if found is None:
            zero = self.builder.constant(0, type_.dtype)
            return zero if type_.is_scalar else self.builder.broadcast(zero, self.builder.extents(self._of(value)))
        return fit(self.builder, found, type_)

    def _dotted(self, value: Value) -> Value:
        return Value(self.tangent_type(value.type), f"{value.hint}_dot" if value.hint else "")

    def _ops(self, block: Block, differentiated: bool = True) -> None:
        for op in block.ops:
            if op.name in LOOPS:
                self._loop(op, differentiated)
            elif op.name == "if":
                self._if(op, differentiated)
            else:
                made = copy_op(self.builder, op, [self._of(v) for v in op.operands])
                self.mapping.update(zip(op.results, made.results, strict=True))
                for direction in self.directions if differentiated else ():
                    if any(r in direction.active for r in op.results):
                        self._differentiate(op, direction)

    # -- ops without regions

    def _differentiate(self, op: Op, direction: Direction) -> None:
        through = differentiable_operands(op)
        seeds = [direction.tangents.get(v) if v in through else None for v in op.operands]
        if all(seed is None for seed in seeds):
            return
        with self.builder.at(op.span, "tangent"):
            made = self.rule(op, seeds)
            for result, tangent in zip(op.results, made, strict=True):
                if tangent.type.is_scalar and result.type.is_array:  # only scalars among the operands were active
                    tangent = self.builder.broadcast(tangent, self.builder.extents(self._of(result)))
                tangent.hint = tangent.hint or (result.hint and f"{result.hint}_dot")
                direction.tangents[result] = tangent

    def rule(self, op: Op, seeds: list[Value | None]) -> Sequence[Value]:
        """The tangents of the results, given those of the operands, one of which is there."""
        row = REGISTRY[op.name]
        if row.partials is not None:
            return [self._by_partials(op, seeds)]
        if row.linear_in:
            return self._linear(op, seeds)
        if row.pushforward is not None:
            return row.pushforward(self, op, *seeds)
        raise DifferentiationError(
            f"`{op.name}` has a rule for reverse mode only",
            op.span,
            "use reverse mode, or give the function around it a forward rule with `def_jvp`",
        )

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
            elif seed is None and row.kind == "elementwise":
                operands.append(self.builder.constant(0, copy.type.dtype))
            else:
                operands.append(self._tangent_of(v, seed))
        return self.builder.op(op.name, operands, **op.attrs).results

    # -- loops and branches

    def _loop(self, op: Op, differentiated: bool) -> None:
        params, inits = carried_params(op), carried_inits(op)
        carried = [
            (k, d)
            for d in (self.directions if differentiated else ())
            for k, p in enumerate(params)
            if p in d.active or op.results[k] in d.active
        ]
        with self.builder.at(op.span, "tangent"):
            starts = [self._tangent(inits[k], d) for k, d in carried]
        regions = []
        for region in op.regions:
            new = Block([clone_value(p) for p in region.params])
            self.mapping.update(zip(region.params, new.params, strict=True))
            dots = [self._dotted(params[k]) for k, _ in carried]
            new.params += dots
            with self.builder.inside(new):
                if region is not body_of(op):  # the condition of a `while`: the tangents pass it by
                    self._ops(region, differentiated=False)
                    new.results = [self._of(v) for v in region.results]
                else:
                    for (k, d), dot in zip(carried, dots, strict=True):
                        d.tangents[params[k]] = dot
                    self._ops(region, differentiated)
                    new.results = [self._of(v) for v in region.results]
                    with self.builder.at(op.span, "tangent"):
                        ends = [self._tangent(region.results[k], d) for k, d in carried]
                    new.results += ends
            regions.append(new)
        attrs = dict(op.attrs)
        if attrs.get("parallel") and not are_sums(dots, ends):
            attrs["parallel"] = False  # the tangent of a running maximum or product needs its trips in order
        operands = [self._of(v) for v in op.operands] + starts
        self._made(op, carried, operands, regions, attrs)

    def _if(self, op: Op, differentiated: bool) -> None:
        directions = self.directions if differentiated else ()
        carried = [(k, d) for d in directions for k, r in enumerate(op.results) if r in d.active]
        regions = []
        for region in op.regions:
            new = Block()
            with self.builder.inside(new):
                self._ops(region, differentiated)
                new.results = [self._of(v) for v in region.results]
                with self.builder.at(op.span, "tangent"):
                    new.results += [self._tangent(region.results[k], d) for k, d in carried]
            regions.append(new)
        self._made(op, carried, [self._of(op.operands[0])], regions, op.attrs)

    def _made(
        self,
        op: Op,
        carried: list[tuple[int, Direction]],
        operands: list[Value],
        regions: list[Block],
        attrs: Mapping[str, Any],
    ) -> None:
        """The loop or branch with its tangents, and what its results stand for."""
        dots = [self._dotted(op.results[k]) for k, _ in carried]
        types, hints = [v.type for v in (*op.results, *dots)], [v.hint for v in (*op.results, *dots)]
        with self.builder.at(op.span, op.role):
            made = self.builder.op(op.name, operands, regions, hints, types, **attrs)
        self.mapping.update(zip(op.results, made.results, strict=False))
        for (k, d), dot in zip(carried, made.results[len(op.results) :], strict=True):
            d.tangents[op.results[k]] = dot


class _Through(Forward):
    def rule(self, op: Op, seeds: list[Value | None]) -> Sequence[Value]:
        if op.name != "custom_vjp":
            return super().rule(op, seeds)
        callee = op.attrs["callee"].function
        pushed = forward(callee, [seed is not None for seed in seeds])
        given = [*(self._of(v) for v in op.operands), *(seed for seed in seeds if seed is not None)]
        mapping = dict(zip(pushed.params, given, strict=True))
        copy_ops(self.builder, pushed.body.ops, mapping)
        dots = iter([mapping.get(v, v) for v in pushed.results[len(op.results) :]])
        return [next(dots) if r.type.dtype.is_differentiable else self._tangent_of(r, None) for r in op.results]
