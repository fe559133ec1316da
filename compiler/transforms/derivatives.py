"""jvp, vjp, grad, value_and_grad, jacobian, hessian, hvp: the passes of autodiff, given their public calling conventions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.diag.errors import DifferentiationError, OptionError, TypeMismatch
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.tree import Tree, tuple_of
from wengert.compiler.ir.types import Type
from wengert.compiler.passes.autodiff import forward, reverse_with_plan
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.activities import Const, activities, chosen, constant_leaves, refuse
from wengert.compiler.transforms.assemble import (
    bind,
    check_result_extents,
    check_same_extents,
    coerce,
    stop_gradients,
    with_params,
    with_results,
)
from wengert.compiler.transforms.compiled import Compiled, Jit, trace_for
from wengert.compiler.transforms.settle import replace_function
from wengert.compiler.transforms.structure import (
    Wrt,
    align,
    closes_over,
    full_out,
    leaf_ranges,
    mask_tree,
    named,
    parameter_names,
    positions,
)


def differentiable(traced: Traced) -> list[bool]:
    """For each leaf of the arguments, whether it can carry a derivative: it is floating point and in no field that is Const."""
    constant = constant_leaves(traced.signature.tree)
    return [leaf.type.dtype.is_differentiable and not c for leaf, c in zip(traced.signature.leaves, constant, strict=True)]


def split(signature: Signature, what: str) -> tuple[Signature, Tree, list[Any]]:
    """The signature of (args, second) as that of args, the tree of `second` and its leaves."""
    if len(signature.tree.children) != 2 or signature.tree.children[0].kind not in ("tuple", "list"):
        raise TypeMismatch(f"{what} takes a tuple of arguments and {what.partition('(')[0]}'s second argument")
    args, second = signature.tree.children
    return Signature(args, signature.leaves[: args.count]), second, list(signature.leaves[args.count :])


def _padded(active: Sequence[bool], function: Function) -> list[bool]:
    """`active` for every parameter: captures are constants."""
    return [*active, *[False] * (len(function.params) - len(active))]


class Checkpoint(Jit):
    """`checkpoint(f)`: f, whose reverse sweep runs loops again from snapshots within `memory` bytes."""

    def __init__(self, function: Callable[..., Any], policy: int | str | None = None):
        self.memory = 64_000_000 if policy is None else bytes_of(policy, "policy")
        super().__init__(function)


def budget(function: Callable[..., Any], memory: int | str | None) -> int | None:
    """The budget that was asked for, else that of a checkpointed function."""
    return bytes_of(memory) if memory is not None else getattr(function, "memory", None)


class Jvp(Compiled):
    """Forward mode: `jvp(f)(args, tangents) -> (out, out_tangent)`."""

    takes_the_same = False
    argument_tuples = 2

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        primal, tangents, given = split(signature, "jvp(f)(args, tangents)")
        inner = trace_for(self.__wrapped__, primal, recorder)
        active = align(primal.tree, tangents, "tangents")
        _refuse_inactive(inner, active, "tangent")
        _refuse_annotated(self.__wrapped__, primal.tree, active)
        out = full_out(inner)
        function = recorder.stage("forward", lambda: forward(inner.function, _padded(active, inner.function)))
        count, leaves = len(inner.function.params), primal.tree.count
        for k, (leaf, position) in enumerate(zip(given, [p for p, a in enumerate(active) if a], strict=True)):
            function = coerce(function, count + k, leaf, inner.function.params[position].type, "a tangent")
        pairs = [(p, count + k) for k, p in enumerate(p for p, a in enumerate(active) if a)]
        function = check_same_extents(function, [p for p in pairs if primal.leaves[p[0]].type.is_array], "tangent")
        order = [*range(leaves), *range(count, count + len(given)), *range(leaves, count)]
        function = optimise(with_params(function, order), recorder)
        floats = [v.type.dtype.is_differentiable for v in inner.function.results]
        return replace_function(inner, function, tuple_of([out, mask_tree(out, floats)]), signature)


class Vjp(Compiled):
    """Reverse mode: `vjp(f)(args, cotangent) -> (out, cotangents)`."""

    takes_the_same = False
    argument_tuples = 1

    def __init__(self, function: Callable[..., Any], name: str | None = None, memory: int | str | None = None):
        super().__init__(function, name)
        self.memory = budget(function, memory)

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        primal, cotangent, given = split(signature, "vjp(f)(args, cotangent)")
        inner = trace_for(self.__wrapped__, primal, recorder)
        out, active = full_out(inner), _by_annotations(self.__wrapped__, primal.tree, differentiable(inner))
        passed = len(primal.tree.children) - closes_over(self.__wrapped__)
        active = [a and k < sum(c.count for c in primal.tree.children[:passed]) for k, a in enumerate(active)]
        seeded = align(out, cotangent, "cotangents")
        function = pullback(inner.function, _padded(active, inner.function), seeded, recorder, self.memory)
        count, leaves = len(inner.function.params), primal.tree.count
        wanted = [v.type for v, s in zip(inner.function.results, seeded, strict=True) if s]
        for k, (leaf, type_) in enumerate(zip(given, wanted, strict=True)):
            if not type_.dtype.is_differentiable:
                raise TypeMismatch(f"a result of type {type_} has no cotangent", help="Write None in its place.")
            function = coerce(function, count + k, leaf, type_, "a cotangent")
        places = [r for r, s in enumerate(seeded) if s]
        arrays = [(r, count + k) for k, r in enumerate(places) if wanted[k].is_array]
        function = check_result_extents(function, arrays, "cotangent")
        order = [*range(leaves), *range(count, count + len(given)), *range(leaves, count)]
        function = optimise(with_params(function, order), recorder)
        gradients = tuple_of(
            mask_tree(child, [active[k] for k in leaves_of])
            for child, leaves_of in zip(primal.tree.children[:passed], leaf_ranges(primal.tree), strict=False)
        )
        return replace_function(inner, function, tuple_of([out, gradients]), signature)


def _by_annotations(function: Callable[..., Any], tree: Tree, can: Sequence[bool]) -> list[bool]:
    """The leaves with a cotangent: none of arguments annotated Const. Raises OptionError for those annotated Dual."""
    said, active = activities(function), list(can)
    for name, leaves in zip(parameter_names(function), leaf_ranges(tree), strict=False):
        if said.get(name) is not Const:
            refuse(said.get(name), name, "reverse")
        for k in leaves if said.get(name) is Const else ():
            active[k] = False
    return active


def _refuse_annotated(function: Callable[..., Any], tree: Tree, active: Sequence[bool]) -> None:
    """Raises OptionError for tangents of arguments whose annotations do not allow them."""
    said = activities(function)
    for name, leaves in zip(parameter_names(function), leaf_ranges(tree), strict=False):
        if any(active[k] for k in leaves):
            refuse(said.get(name), name, "forward")


def _refuse_inactive(inner: Traced, active: Sequence[bool], what: str) -> None:
    for path, on, can in zip(inner.signature.tree.paths("argument"), active, differentiable(inner), strict=True):
        if on and not can:
            problem = f"{path} is not floating point, or is annotated Const, and has no {what}"
            raise TypeMismatch(problem, help="Write None in its place.")


def _zero(type_: Type) -> Callable[[Builder], Value]:
    """A cotangent nobody reads: it belongs to a result behind `stop_gradient`."""

    def make(builder: Builder) -> Value:
        zero = builder.constant(0, type_.dtype)
        if type_.is_scalar:
            return zero
        return builder.broadcast(zero, [builder.integer(0 if n is None else n) for n in type_.shape])

    return make


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def bytes_of(memory: int | str | None, option: str = "memory") -> int | None:
    """A memory budget in bytes: a number, or text as "500MB" or "2 GiB". Raises OptionError for anything else."""
    if memory is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(memory)) if not isinstance(memory, bool) else None
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise OptionError(f"{option}={memory!r} is not an amount of memory", help='Write bytes (64_000_000) or "64MB".')
    return int(float(found[1]) * unit)


def pullback(
    function: Function,
    active: Sequence[bool],
    seeded: Sequence[bool],
    recorder: Recorder,
    memory: int | None = None,
) -> Function:
    """`reverse`, with cotangent parameters only for the results that are `seeded`; the others' are zero."""
    unseeded = [k for k, s in enumerate(seeded) if not s and function.results[k].type.dtype.is_differentiable]
    primal = stop_gradients(function, unseeded) if unseeded else function

    def make() -> Function:
        made, recorder.plan = reverse_with_plan(primal, active, memory)
        return made

    result = recorder.stage("reverse", make)
    floating = [k for k, v in enumerate(primal.results) if v.type.dtype.is_differentiable]
    count = len(primal.params)
    makers = {
        count + floating.index(k): _zero(primal.results[k].type) for k in unseeded
    }
    return bind(result, makers) if makers else result


class Grad(Compiled):
    """`grad(f)`: the gradient of a function that returns one float scalar; with `value`, what it returns and the gradient."""

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: Wrt = None,
        has_aux: bool = False,
        value: bool = False,
        name: str | None = None,
        memory: int | str | None = None,
    ):
        default = f"{'value_and_grad' if value else 'grad'}_{getattr(function, '__name__', 'f')}"
        super().__init__(function, name or default)
        self.wrt, self.has_aux, self.value = chosen(self.__wrapped__, wrt, "reverse"), has_aux, value
        self.memory = budget(function, memory)

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        inner = trace_for(self.__wrapped__, signature, recorder)
        aux = self._check_result(inner)
        places = positions(self.__wrapped__, self.wrt, len(signature.tree.children))
        ranges, can = leaf_ranges(signature.tree), differentiable(inner)
        active = [any(k in ranges[p] for p in places) and can[k] for k in range(signature.tree.count)]
        for p in places:
            if not any(can[k] for k in ranges[p]):
                raise DifferentiationError(
                    f"argument {p} of {inner.function.name} has no derivative: its type is "
                    f"{', '.join(str(signature.leaves[k].type) for k in ranges[p]) or 'no number'}",
                    help="Pass floats (1.0 instead of 1), or choose other arguments with wrt=.",
                )
        count = len(inner.function.params)
        kept = with_results(inner.function, range(inner.out.count), f"grad_{inner.function.name}")
        seeded = [k == 0 for k in range(inner.out.count)]
        function = pullback(kept, _padded(active, kept), seeded, recorder, self.memory)
        one = kept.results[0].type.dtype
        function = bind(function, {count: lambda b: b.constant(1, one)})
        return self._results(inner, function, active, places, ranges, aux, recorder)

    def result_labels(self, traced: Traced) -> list[str]:
        tree = traced.signature.tree
        paths, ranges, can = tree.paths("argument"), leaf_ranges(tree), differentiable(traced)
        places = positions(self.__wrapped__, self.wrt, len(tree.children))
        gradients = [f"∂{named(paths[k], self.__wrapped__)}" for p in places for k in ranges[p] if can[k]]
        auxiliary = traced.out.children[0].count - 1 if self.value and self.has_aux else 0
        return ["value", *["auxiliary"] * auxiliary, *gradients] if self.value else gradients

    def _results(
        self,
        inner: Traced,
        function: Function,
        active: list[bool],
        places: tuple[int, ...],
        ranges: list[range],
        aux: Tree | None,
        recorder: Recorder,
    ) -> Traced:
        """Order and structure of the results: gradients in the order of wrt, after the value and what is auxiliary to it, or
        before the latter alone."""
        values = inner.out.count
        place = {leaf: values + k for k, leaf in enumerate(leaf for leaf, on in enumerate(active) if on)}
        order, trees = [], []
        for p in places:
            order += [place[k] for k in ranges[p] if active[k]]
            trees.append(mask_tree(inner.signature.tree.children[p], [active[k] for k in ranges[p]]))
        gradient = tuple_of(trees) if isinstance(self.wrt, tuple) else trees[0]
        out = gradient
        if aux is not None:
            order, out = [*order, *range(1, values)], tuple_of([gradient, aux])
        if self.value:
            order, out = [*range(values), *order[: len(order) - values + 1]], tuple_of([inner.out, gradient])
        function = with_results(function, order, self.__name__)
        return replace_function(inner, optimise(function, recorder), out)

    def _check_result(self, inner: Traced) -> Tree | None:
        """The structure of the auxiliary results, None without them. Raises DifferentiationError."""
        out, aux = inner.out, None
        if self.has_aux:
            if out.kind != "tuple" or len(out.children) != 2:
                raise DifferentiationError(f"has_aux=True needs {inner.function.name} to return (value, auxiliary)")
            out, aux = out.children
        type_ = inner.function.results[0].type if out.kind == "leaf" else None
        if type_ is None or not type_.is_scalar or not type_.dtype.is_float:
            says = type_ if type_ is not None else f"{out!r}"
            given = ", ".join(str(leaf.type) for leaf in inner.signature.leaves)
            raise DifferentiationError(
                f"grad needs a function that returns one float, and {inner.function.name} returns {says} for ({given})",
                help="Use wg.jacobian for arrays, wg.vjp for several results, has_aux=True for extra ones.",
            )
        return aux


class Hvp(Compiled):
    """`hvp(f)(args, v)`: the Hessian of a scalar function times `v`, forward over reverse; `v` has the shape of the argument."""

    takes_the_same = False
    argument_tuples = 1

    def __init__(self, function: Callable[..., Any], wrt: int | str | None = None, name: str | None = None):
        super().__init__(function, name or f"hvp_{getattr(function, '__name__', 'f')}")
        self.wrt = chosen(function, wrt, "")
        if isinstance(self.wrt, tuple):
            raise OptionError("hvp takes one argument in wrt")
        self.gradient = Grad(function, self.wrt)

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        primal, vector, given = split(signature, "hvp(f)(args, v)")
        gradient = self.gradient.trace(primal, recorder)
        (position,) = positions(self.__wrapped__, self.wrt, len(primal.tree.children))
        leaves = leaf_ranges(primal.tree)[position]
        flags = dict(zip(leaves, align(primal.tree.children[position], vector, "v"), strict=True))
        active = [flags.get(k, False) for k in range(primal.tree.count)]
        _refuse_inactive(gradient, active, "direction")
        function = recorder.stage("forward", lambda: forward(gradient.function, _padded(active, gradient.function)))
        count, results = len(gradient.function.params), len(gradient.function.results)
        moved = [k for k, a in enumerate(active) if a]
        for k, leaf in enumerate(given):
            function = coerce(function, count + k, leaf, gradient.function.params[moved[k]].type, "v")
        arrays = [(p, count + k) for k, p in enumerate(moved) if primal.leaves[p].type.is_array]
        function = check_same_extents(function, arrays, "direction")
        function = with_results(function, range(results, 2 * results), self.__name__)
        order = [*range(primal.tree.count), *range(count, count + len(given)), *range(primal.tree.count, count)]
        return replace_function(gradient, optimise(with_params(function, order), recorder), gradient.out, signature)
