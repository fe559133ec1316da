"""`custom_derivative`: a function whose derivatives are what its author says.

A call is one op (ops/custom.py) whose attribute is a `Call`: the function's IR for one signature and, traced with it, that
of its rules. A rule may call the function again: while the rules of a signature are traced, such a call is the op itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from wengert.compiler.diag.errors import DifferentiationError, OptionError, TypeMismatch, UnsupportedError
from wengert.compiler.diag.span import Span
from wengert.compiler.frontend.reads import Reads
from wengert.compiler.frontend.signature import Leaf, Signature, leaf_of
from wengert.compiler.frontend.source import parse, unwrap
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, free_values
from wengert.compiler.ir.rewrite import clone_value
from wengert.compiler.ir.tree import Tree, flatten, tuple_of
from wengert.compiler.ir.types import Type
from wengert.compiler.ops.custom import Captured
from wengert.compiler.passes.autodiff import reverse
from wengert.compiler.passes.optimise.extents import Finder
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.assemble import Maker, bind, inline, with_results
from wengert.compiler.transforms.compiled import Compiled, trace_for
from wengert.compiler.transforms.settle import replace_function
from wengert.compiler.transforms.structure import align, mask_tree


class CustomDerivative(Compiled):
    """A function with rules: `def_vjp(fwd, bwd)`, `def_jvp(rule)`; see api.custom_derivative."""

    def __init__(self, function: Callable[..., Any]):
        self.forward_rule: Callable[..., Any] | None = None
        self.reverse_rule: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self._calls: dict[Any, tuple[Call, Traced]] = {}
        super().__init__(function)

    FORGOTTEN = Compiled.FORGOTTEN | {"_calls"}

    def def_vjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> CustomDerivative:
        """The reverse rule: fwd(*args) -> (out, residuals), bwd(residuals, cotangent) -> a cotangent per argument."""
        self._may_define(self.reverse_rule, "def_vjp")
        self.reverse_rule = fwd, bwd
        return self

    def def_jvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """The forward rule: rule(args, tangents) -> (out, out_tangent). Returns the rule, as a decorator does."""
        self._may_define(self.forward_rule, "def_jvp")
        self.forward_rule = rule
        return rule

    def _may_define(self, rule: Any, name: str) -> None:
        if rule is not None or self.programs:
            had = "has that rule already" if rule is not None else "has been compiled already"
            raise OptionError(
                f"{self.__name__}.{name}: it {had}", help="Give all rules once, right after wg.custom_derivative."
            )

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        if self.forward_rule is None and self.reverse_rule is None:
            raise OptionError(
                f"{self.__name__} has no derivative rule yet", help="Call its def_vjp or def_jvp before it is used."
            )
        given, signature, defaults = signature, *self._whole(signature)
        tracing = self._calls.get(signature.key)
        if tracing is not None:  # a rule calls the function itself
            return self._op(*tracing, given, defaults)
        inner = trace_for(self.__wrapped__, signature, recorder)
        if any(w is not None for w in inner.function.written):
            position = next(w for w in inner.function.written if w is not None)
            path = signature.tree.paths("argument")[position]
            raise UnsupportedError(
                f"{self.__name__} writes into {path}; a function with a derivative rule returns new arrays",
                help="Copy the argument first, and return the copy.",
            )
        call = Call(self.__name__, inner)
        self._calls[signature.key] = call, inner
        try:
            call.trace_rules(self.forward_rule, self.reverse_rule)
        finally:
            del self._calls[signature.key]
        return self._op(call, inner, given, defaults)

    def _whole(self, given: Signature) -> tuple[Signature, list[Any]]:
        """The signature with the parameters that are left to their defaults, and these: the rules take every argument."""
        parameters = list(inspect.signature(self.__wrapped__).parameters.values())[len(given.tree.children) :]
        if any(p.default is p.empty for p in parameters):
            return given, []
        leaves, tree = flatten(tuple(p.default for p in parameters))
        found = tuple(leaf_of(leaf) for leaf in leaves)
        return Signature(tuple_of([*given.tree.children, *tree.children]), (*given.leaves, *found), given.extents), leaves

    def _op(self, call: Call, inner: Traced, given: Signature, defaults: Sequence[Any]) -> Traced:
        body = Block([clone_value(p) for p in call.function.params])
        span = next((op.span for op in inner.function.body.ops if op.span is not None), None)
        name = "custom_call" if self.forward_rule is not None else "custom_vjp"
        builder = Builder(body)
        with builder.at(span):
            hints = [r.hint for r in call.function.results]
            made = builder.op(name, body.params, (), hints, [r.type for r in call.function.results], callee=call)
        body.results = list(made.results)
        first = len(given.leaves)
        makers = {first + k: _default(v, body.params[first + k].type) for k, v in enumerate(defaults)}
        traced = replace_function(inner, bind(Function(self.__name__, body), makers), signature=given)
        return Traced(
            traced.function, traced.signature, traced.out, (), traced.source, traced.weak, inner.reads | call.reads
        )


class Call:
    """The attribute `callee` of a call: see ops/custom.Callee. Everything is without captures."""

    def __init__(self, name: str, primal: Traced):
        self.name, self.primal = name, primal
        self.function = closed(primal)
        self.forward: Traced | None = None
        self.reverse: tuple[Traced, Traced] | None = None
        self.reads: Reads = dict(primal.reads)
        self.places: list[tuple[Traced, Any]] = []
        leaves = primal.signature.leaves
        self.floats = [leaf.type.dtype.is_differentiable for leaf in leaves]
        self.float_results = [r.type.dtype.is_differentiable for r in self.function.results]

    def __repr__(self) -> str:
        return f"<{self.name} {id(self):#x}>"

    # -- the rules

    def trace_rules(self, forward: Any, reverse: Any) -> None:
        signature, out = self.primal.signature, self.primal.out
        cotangent = mask_tree(out, self.float_results)
        result_leaves = [_leaf(r.type) for r, f in zip(self.function.results, self.float_results, strict=True) if f]
        if reverse is not None:
            fwd = self._rule(reverse[0], signature)
            residuals = self._pair(fwd, "def_vjp: fwd", "(out, residuals)")
            self._same(fwd, fwd.out.children[0], 0, out, self.function.results, "fwd's first result")
            kept = fwd.function.results[out.count :]
            seeds = [*(_leaf(v.type) for v in kept), *result_leaves]
            bwd = self._rule(reverse[1], Signature(tuple_of([residuals, cotangent]), tuple(seeds)))
            wanted = tuple_of(mask_tree(c, [True] * c.count) for c in signature.tree.children)
            self._same(bwd, bwd.out, 0, wanted, self.function.params, "bwd's result")
            self.reverse = fwd, bwd
        if forward is not None:
            dots = tuple_of(mask_tree(c, f) for c, f in zip(signature.tree.children, self._per_argument(), strict=True))
            leaves = [
                *signature.leaves,
                *(_leaf(v.type) for v, f in zip(signature.leaves, self.floats, strict=True) if f),
            ]
            made = self._rule(forward, Signature(tuple_of([signature.tree, dots]), tuple(leaves)))
            tangent = self._pair(made, "def_jvp: the rule", "(out, out_tangent)")
            self._same(made, made.out.children[0], 0, out, self.function.results, "the first result of the rule")
            self._same(made, tangent, out.count, out, self.function.results, "the tangent the rule returns")
            self.forward = made

    def _rule(self, rule: Any, signature: Signature) -> Traced:
        made = trace_for(rule, signature, Recorder())
        self.places.append((made, rule))
        if any(w is not None for w in made.function.written):
            self._refuse(made, "a derivative rule of {name} writes into what it is given", "Write into a copy.")
        self.reads |= made.reads
        return made

    def _per_argument(self) -> list[list[bool]]:
        rest = iter(self.floats)
        return [[next(rest) for _ in range(c.count)] for c in self.primal.signature.tree.children]

    def _pair(self, made: Traced, who: str, wanted: str) -> Tree:
        if made.out.kind not in ("tuple", "list") or len(made.out.children) != 2:
            self._refuse(made, f"{who} of {{name}} must return {wanted}, not {made.out!r}", f"Return {wanted}.")
        return made.out.children[1]

    def _same(self, made: Traced, given: Tree, start: int, tree: Tree, values: Sequence[Any], what: str) -> None:
        """Refuse what has another structure than `tree`, or other dtypes and ranks than `values`."""
        try:
            flags = align(tree, given, what)
        except TypeMismatch:
            self._refuse(
                made, f"{what} has the structure {given!r} and must have {tree!r}, for {{name}}", "Write None for zero."
            )
        rest = iter(made.function.results[start:])
        weak = iter(made.weak[start:] or [False] * len(made.function.results))
        for wanted, has in zip(values, flags, strict=True):
            if not has:
                continue
            found, loose = next(rest), next(weak)
            t, w = found.type, wanted.type
            if t.rank != w.rank or (
                t.dtype != w.dtype and not (loose and w.dtype.kind in "fc" and t.dtype.kind in "bif")
            ):
                self._refuse(
                    made, f"{what} has a part of type {t} where {w} belongs, in a rule of {{name}}", None, found
                )

    def _refuse(self, made: Traced, message: str, help: str | None, at: Value | None = None) -> NoReturn:
        owner = at.owner if at is not None else None
        span = owner.span if owner is not None else None
        if span is None:
            rule = next(rule for known, rule in self.places if known is made)
            function: Any = unwrap(rule)
            node = parse(function).node
            span = Span(made.source, node.lineno, node.col_offset, node.lineno, len(made.source.line(node.lineno)))
        raise DifferentiationError(message.format(name=self.name), span, help)

    # -- what the passes ask for

    def extent(self, op: Op, axis: int, position: int = 0) -> Value | tuple[Value, int] | None:
        """Where an extent of a result comes from among the operands; None where it is made inside."""
        function = self.function
        found = Finder(function).outermost((function.results[position], axis))
        array, k = found if isinstance(found, tuple) else (found, None)
        if array not in function.params:
            return None
        operand = op.operands[function.params.index(array)]
        return operand if k is None else (operand, k)

    def pushforward(self, ctx: Any, op: Op, tangents: Sequence[Value | None]) -> Sequence[Value]:
        builder: Builder = ctx.builder
        primals, values = [ctx.primal(v) for v in op.operands], [ctx.primal(r) for r in op.results]
        dots = [
            builder.zeros_like(p) if t is None else t
            for p, t, f in zip(primals, tangents, self.floats, strict=True)
            if f
        ]
        if self.forward is None:
            return self._push_transposed(builder, primals, dots, values)
        results = inline(builder, closed(self.forward), [*primals, *dots])
        return self._parts(
            builder, self.forward.out.children[1], self.primal.out, results[len(values) :], values, "tangent"
        )

    def _push_transposed(
        self, builder: Builder, primals: list[Value], dots: list[Value], values: list[Value]
    ) -> list[Value]:
        """The reverse rule, linear in the cotangents, by reverse mode with respect to these at zero."""
        assert self.reverse is not None
        fwd, bwd = self.reverse
        rule = closed(bwd)
        kept = inline(builder, closed(fwd), primals)[len(values) :]
        transposed = self._transposed(rule, len(kept), len(rule.params), bwd, "reverse", "cotangents")
        given = align(self.primal.signature.tree, bwd.out, "cotangents")
        rest = iter(dots)
        used = [next(rest) if f else None for f in self.floats]
        seeds = [
            builder.cast(dot, r.type.dtype)
            for dot, r in zip([d for d, g in zip(used, given, strict=True) if g], rule.results, strict=True)
            if dot is not None and r.type.dtype.is_differentiable
        ]
        zeros = [builder.zeros_like(v) for v, f in zip(values, self.float_results, strict=True) if f]
        found = iter(inline(builder, transposed, [*kept, *zeros, *seeds]))
        return [next(found) if f else builder.zeros_like(v) for v, f in zip(values, self.float_results, strict=True)]

    def pullback(self, ctx: Any, op: Op, cotangents: Sequence[Value]) -> None:
        builder: Builder = ctx.builder
        primals = [ctx.primal(v) for v in op.operands]
        seeds = [c for c, f in zip(cotangents, self.float_results, strict=True) if f]
        if self.reverse is None:
            self._transpose(ctx, op, primals, seeds)
            return
        fwd, bwd = self.reverse
        kept = inline(builder, closed(fwd), primals)[len(op.results) :]
        results = inline(builder, closed(bwd), [*kept, *seeds])
        found = self._parts(builder, bwd.out, self.primal.signature.tree, results, primals, "cotangent")
        for v, cotangent, f in zip(op.operands, found, self.floats, strict=True):
            if f and ctx.wants(v):
                ctx.add(v, cotangent)

    def _transpose(self, ctx: Any, op: Op, primals: list[Value], seeds: list[Value]) -> None:
        """The forward rule, linear in the tangents, by reverse mode with respect to these at zero."""
        assert self.forward is not None
        rule = closed(self.forward)
        tangent, count = self._tangents_only(rule, len(op.results)), len(primals)
        transposed = self._transposed(tangent, count, len(rule.params), self.forward, "forward", "tangents")
        zeros = [ctx.zeros(v) for v, f in zip(op.operands, self.floats, strict=True) if f]
        wanted = self._seeds(seeds)
        found = inline(ctx.builder, transposed, [*primals, *zeros, *wanted])
        for v, cotangent in zip([v for v, f in zip(op.operands, self.floats, strict=True) if f], found, strict=True):
            if ctx.wants(v):
                ctx.add(v, cotangent)

    def _transposed(self, rule: Function, start: int, end: int, owner: Traced, mode: str, what: str) -> Function:
        """The transpose of a rule that is linear in its parameters `start` to `end`. Parameters: the rule's, then a seed for each
        of its results of floating-point type; results: one for each of those parameters."""
        swept = reverse(rule, [start <= k < end for k in range(len(rule.params))])
        transposed = optimise(with_results(swept, range(len(rule.results), len(swept.results))))
        if _read(transposed) & set(transposed.params[start:end]):
            other = {"forward": "def_vjp", "reverse": "def_jvp"}[mode]
            self._refuse(
                owner,
                f"the {mode} rule of {{name}} is not linear in its {what}, and so has no transpose",
                f"Make it linear, or give the other rule, too, with {other}.",
            )
        return transposed

    def _tangents_only(self, rule: Function, n: int) -> Function:
        return with_results(
            rule, [k for k in range(n, len(rule.results)) if rule.results[k].type.dtype.is_differentiable]
        )

    def _seeds(self, seeds: list[Value]) -> list[Value]:
        """The cotangents of the results for which the forward rule returns a tangent that is floating point."""
        assert self.forward is not None
        given = align(self.primal.out, self.forward.out.children[1], "tangents")
        n = len(self.function.results)
        values = iter(self.forward.function.results[n:])
        rest, kept = iter(seeds), []
        for has, f in zip(given, self.float_results, strict=True):
            seed = next(rest) if f else None
            value = next(values) if has else None
            if seed is not None and value is not None and value.type.dtype.is_differentiable:
                kept.append(seed)
        return kept

    def _parts(
        self, builder: Builder, given: Tree, tree: Tree, parts: Sequence[Value], likes: Sequence[Value], what: str
    ) -> list[Value]:
        """One value for each leaf of `tree`: what the rule returned, in the dtype wanted, or zeros."""
        rest, found = iter(parts), []
        for like, has in zip(likes, align(tree, given, what), strict=True):
            if not has:
                found.append(builder.zeros_like(like))
                continue
            value = builder.cast(next(rest), like.type.dtype)
            for axis in range(like.type.rank):
                sizes = builder.extent(value, axis), builder.extent(like, axis)
                builder.emit(
                    "same_extent",
                    *sizes,
                    message=f"a derivative rule of {self.name} returned a {what} of other extents",
                )
            found.append(value)
        return found


def _read(function: Function) -> set[Value]:
    """What the results depend on, beyond the extents of arrays (and what only a check depends on)."""
    needed = set(function.results)
    for op in reversed(function.body.ops):
        if op.name != "dim" and any(r in needed for r in op.results):
            needed.update(op.operands)
            needed.update(v for region in op.regions for v in free_values(region))
    return needed


def closed(traced: Traced) -> Function:
    """The function with what it captures made by ops of its own."""
    first = len(traced.signature.leaves)
    makers: dict[int, Maker] = {first + k: _captured(array) for k, array in enumerate(traced.captures)}
    return bind(traced.function, makers) if makers else traced.function


def _default(value: Any, type_: Type) -> Maker:
    return _captured(value) if type_.is_array else lambda builder: builder.constant(value, type_.dtype)


def _captured(array: Any) -> Maker:
    return lambda builder: builder.emit("captured", array=Captured(array))


def _leaf(type_: Type) -> Leaf:
    return Leaf(Type(type_.dtype, tuple(1 if n == 1 else None for n in type_.shape)))
