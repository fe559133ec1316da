"""`batch(f, in_axes, out_axes)`: one fused call for many calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import CompileError, OptionError, TypeMismatch
from wengert.compiler.frontend.signature import Leaf, Signature, signature_of
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.tree import Tree, flatten
from wengert.compiler.passes.batching import batch
from wengert.compiler.passes.optimise.scalarise import MOST_ELEMENTS
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.assemble import with_known_extents
from wengert.compiler.transforms.compiled import Compiled, Program, trace_for
from wengert.compiler.transforms.settle import replace_function
from wengert.compiler.transforms.structure import closes_over, full_out, leaf_ranges, named

MOST_EXTENTS = 4
"""Programs from which on no more are made for particular extents."""
Axes = int | None | Sequence[Any]


class Batch(Compiled):
    """`f` over a leading (or other) axis of its arguments: results stack the results of the single calls.

    in_axes: for each argument the axis that counts calls, None where all calls share it; one int for all arguments;
    a tuple may nest like the argument, and numbers behind its entries are shared. out_axes likewise. A list of equal
    arguments [x1, x2, x3] is stacked, of structures leaf by leaf; a structured array is taken as a dict of its fields
    (`p["x"]`), which are read where they lie.
    """

    takes_the_same = False
    FORGOTTEN = Compiled.FORGOTTEN | {"_general"}

    def __init__(self, function: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0, name: str | None = None):
        super().__init__(function, name or f"batch_{getattr(function, '__name__', 'f')}")
        self._general = False
        self.in_axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
        self.out_axes = tuple(out_axes) if isinstance(out_axes, list) else out_axes

    def convert(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        axes = self._per_argument(len(args))
        return tuple(_by_leaves(a, axis) for a, axis in zip(args, axes, strict=True))

    def _per_argument(self, count: int) -> tuple[Any, ...]:
        if closes_over(self.__wrapped__):
            return (*self._per_passed(count - 1), None)
        return self._per_passed(count)

    def _per_passed(self, count: int) -> tuple[Any, ...]:
        if not isinstance(self.in_axes, tuple):
            return (self.in_axes,) * count
        if len(self.in_axes) > count and not any(a is not None for a in self.in_axes[count:]):
            return self.in_axes[:count]  # arguments with defaults, which all calls share
        if len(self.in_axes) > count:
            raise self._entries(count)
        return (*self.in_axes, *(None,) * (count - len(self.in_axes)))

    def _entries(self, count: int) -> OptionError:
        return OptionError(
            f"in_axes has {len(self.in_axes)} entries and {self.__name__} is called with {count} arguments",  # type: ignore[arg-type]
            help="Write one entry per argument, None for those that all calls share.",
        )

    def _numbers_alone(self, signature: Signature, per_argument: Sequence[Any]) -> None:
        """Of what in_axes does not name numbers are shared, which can mean nothing else. Raises OptionError for arrays."""
        passed = len(per_argument) - closes_over(self.__wrapped__)
        for leaves in leaf_ranges(signature.tree)[len(self.in_axes) : passed]:  # type: ignore[arg-type]
            if any(signature.leaves[k].type.is_array for k in leaves):
                raise self._entries(passed)

    def signature(self, args: tuple[Any, ...]) -> Signature:
        return self.exact_signature(args, self.programs)

    def exact_signature(self, args: tuple[Any, ...], programs: Mapping[Any, Program]) -> Signature:
        """With the extents of small arrays that each call gets: they are then kept in registers, like numbers. programs: those
        that were made of it, by itself or for a device."""
        general = signature_of(args)
        if self._general:
            return general
        per_argument = self._per_argument(len(general.tree.children))
        axes = [a for child, one in zip(general.tree.children, per_argument, strict=True) for a in _spread(child, one, "in_axes")]
        leaves = zip(general.leaves, flatten(args)[0], axes, strict=True)
        exact = Signature(general.tree, tuple(_small_leaf(leaf, value, axis) for leaf, value, axis in leaves))
        known = exact.key in programs or len(programs) < MOST_EXTENTS
        return exact if known else general

    def program(self, signature: Signature) -> Program:
        return self.general_if_need_be(super().program, signature)

    def general_if_need_be(self, make: Callable[[Signature], Program], signature: Signature) -> Program:
        """What `make` makes of an exact signature, or of one without extents."""
        try:
            return make(signature)
        except CompileError:  # an array that grows, say, has no one extent
            general = Signature(signature.tree, tuple(_any_extent(leaf) for leaf in signature.leaves))
            if general == signature:
                raise
            program = make(general)
            self._general = True
            return program

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        per_argument = self._per_argument(len(signature.tree.children))
        if isinstance(self.in_axes, tuple):
            self._numbers_alone(signature, per_argument)
        axes: list[int | None] = []
        for child, axis in zip(signature.tree.children, per_argument, strict=True):
            if child.kind == "list" and child.children and isinstance(axis, int):
                raise TypeMismatch("a list is stacked where a batch is called from Python", help="Here, write np.stack(xs).")
            axes += _spread(child, axis, "in_axes")
        if not any(a is not None for a in axes):
            raise OptionError("in_axes has no axis to batch over", help="Give an axis (0, say) to at least one argument.")
        paths = [named(path, self.__wrapped__) for path in signature.tree.paths("argument")]
        normal = [_normal(a, leaf.type.rank, p) for a, leaf, p in zip(axes, signature.leaves, paths, strict=True)]
        lanes = tuple(_lane_leaf(leaf, axis) for leaf, axis in zip(signature.leaves, normal, strict=True))
        inner = trace_for(self.__wrapped__, Signature(signature.tree, lanes), recorder)
        out = full_out(inner)
        captured = [None] * (len(inner.function.params) - len(normal))
        out_axes = [
            _normal(a, v.type.rank + 1, "a result") or 0
            for a, v in zip(_spread(out, self.out_axes, "out_axes"), inner.function.results, strict=True)
        ]
        function = recorder.stage("batched", lambda: batch(inner.function, [*normal, *captured], out_axes))
        function = with_known_extents(function, [leaf.type for leaf in signature.leaves])
        return replace_function(inner, optimise(function, recorder), out, signature)


def axes_of(function: Batch, tree: Tree, ranks: Sequence[int], results: bool = False) -> list[int | None]:
    """The axis that counts calls for each leaf of the arguments (or results) of these ranks, None for shared ones."""
    if results:
        spread = _spread(tree, function.out_axes, "out_axes")
    else:
        per_argument = function._per_argument(len(tree.children))
        spread = [a for child, one in zip(tree.children, per_argument, strict=True) for a in _spread(child, one, "in_axes")]
    paths = tree.paths("result" if results else "argument")
    return [_normal(axis, rank, path) for axis, rank, path in zip(spread, ranks, paths, strict=True)]


def _spread(tree: Tree, axis: Any, option: str) -> list[int | None]:
    """An axis for each leaf: one number for all, or a tuple with an entry per child."""
    if not isinstance(axis, (tuple, list)):
        if axis is not None and not isinstance(axis, int):
            raise OptionError(f"{option} holds {axis!r}; an axis is an integer or None")
        return [axis] * tree.count
    if len(axis) != len(tree.children):
        raise OptionError(f"{option}: {axis!r} does not have the structure {tree!r}")
    return [a for child, one in zip(tree.children, axis, strict=True) for a in _spread(child, one, option)]


def _normal(axis: int | None, rank: int, what: str) -> int | None:
    if axis is None:
        return None
    if not -rank <= axis < rank:
        axes = f"{rank or 'no'} {'axis' if rank == 1 else 'axes'}"
        raise OptionError(
            f"{what} has {axes} and cannot be batched over axis {axis}",
            help="Write None for what all calls share, such as in_axes=(0, None)." if rank == 0 else None,
        )
    return axis % rank


def _by_leaves(argument: Any, axis: Any) -> Any:
    """A list of equal arguments, or an array of structures, as arrays; others as they are."""
    if isinstance(argument, list) and isinstance(axis, int) and argument:
        return _stacked(argument, axis)
    if isinstance(argument, np.ndarray) and argument.dtype.names is not None:
        return {name: _by_leaves(argument[name], axis) for name in argument.dtype.names}
    return argument


def _stacked(values: list[Any], axis: int) -> Any:
    """Equal arguments stacked; of structures (dataclasses, NamedTuples, tuples) each leaf, into one such structure."""
    leaves, trees = zip(*(flatten((value,)) for value in values), strict=True)
    if isinstance(values[0], list) or not any(child.children for child in trees[0].children):
        return _stack(values, axis)
    if any(tree != trees[0] for tree in trees):
        raise TypeMismatch("a list of arguments to batch over holds structures that differ", help="Give each call the same.")
    return trees[0].unflatten([_stack(column, axis) for column in zip(*leaves, strict=True)])[0]


def _stack(values: Sequence[Any], axis: int) -> np.ndarray:
    shapes = sorted({np.shape(value) for value in values})
    if len(shapes) > 1:
        raise TypeMismatch(
            f"a list of arguments to batch over holds arrays of the shapes {', '.join(map(str, shapes))}",
            help="All calls of a batch have the same shapes: pad the arrays, and pass each one's length beside it.",
        )
    return np.stack(values, axis)


def _small_leaf(leaf: Leaf, value: Any, axis: int | None) -> Leaf:
    """The leaf with its extents, but for the axis that counts lanes, where a lane's array is small."""
    rank = leaf.type.rank
    if axis is None or rank < 2 or not -rank <= axis < rank:
        return leaf
    axis %= rank
    shape = [n for k, n in enumerate(value.shape) if k != axis]
    if not 1 <= math.prod(shape) <= MOST_ELEMENTS:
        return leaf
    shape.insert(axis, leaf.type.shape[axis])
    return Leaf(leaf.type.with_shape(tuple(shape)), leaf.weak)


def _any_extent(leaf: Leaf) -> Leaf:
    return Leaf(leaf.type.with_shape(tuple(1 if n == 1 else None for n in leaf.type.shape)), leaf.weak)


def _lane_leaf(leaf: Leaf, axis: int | None) -> Leaf:
    if axis is None:
        return leaf
    shape = leaf.type.shape
    return Leaf(leaf.type.with_shape(shape[:axis] + shape[axis + 1 :]))
