"""What tracing a function gives, and how the end of it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.kinds import scalar_type, to_value
from wengert.compiler.frontend.leaves import tree_of
from wengert.compiler.frontend.objects import Array, ArrayValue, Cell, Object, Poison, Scalar
from wengert.compiler.frontend.reads import Reads
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.tree import Tree


@dataclass(frozen=True)
class Traced:
    """A traced function.

    function    its parameters are the leaves of the signature, then the captures; its results are the leaves of the
                returned value, then the arrays written back (`function.written`)
    out         the tree of the returned value only
    captures    NumPy arrays read from the module or a closure, to be passed as trailing arguments
    weak        for each leaf of `out`, whether Python would give a Python number there (not a NumPy scalar)
    reads       the names of modules (the cells of a notebook), closures and the like that were read, with what they were
    apart       (written, other) for each two arrays among the arguments of the Python function of which it writes one: they
                may not share memory, also where `function`, a derivative or batch of it, leaves both alone
    """

    function: Function
    signature: Signature
    out: Tree
    captures: tuple[np.ndarray, ...]
    source: Source
    weak: tuple[bool, ...] = field(default=())
    reads: Reads = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()


def parameter_leaves(tracer: Tracer, signature: Signature, labels: Sequence[str]) -> tuple[list[Object], list[Cell | None]]:
    """A parameter for each leaf of the signature: the objects over them, and the cells of those that are arrays."""
    leaves: list[Object] = []
    cells: list[Cell | None] = []
    for position, (leaf, label) in enumerate(zip(signature.leaves, labels, strict=True)):
        value = Value(leaf.type, label.replace(".", "_").replace("[", "_").replace("]", ""))
        tracer.entry.params.append(value)
        if leaf.type.is_scalar:
            leaves.append(Scalar(value, leaf.weak))
            cells.append(None)
            continue
        cell = Cell(label, leaf.type.dtype, leaf.type.rank, tracer.builder.span, position, contiguous=False)
        tracer.state.cells[cell] = tracer.parameter(value)
        leaves.append(Array(cell))
        cells.append(cell)
    return leaves, cells


def finish(
    tracer: Tracer, name: str, signature: Signature, result: Object, cells: list[Cell | None], source: Source
) -> Traced:
    """Flatten what is returned, append what was written, and wrap up the function."""
    leaves: list[Object] = []
    out = tree_of(tracer, result, leaves)
    if has_static(out):
        tracer.refuse("returned", what="a function or text")
    body = tracer.entry
    weak = []
    for leaf in leaves:
        if isinstance(leaf, Array):
            body.results.append(tracer.read(leaf).value)
            weak.append(False)
        else:
            dtype, is_weak = scalar_type(leaf)  # type: ignore[misc]
            body.results.append(to_value(tracer, leaf, dtype))
            weak.append(is_weak)
    written: list[int | None] = [None] * len(leaves)
    for position, cell in enumerate(cells):
        if cell is None:
            continue
        held = tracer.state.cells[cell]
        assert isinstance(held, ArrayValue) and not isinstance(held, Poison)
        if held.value is not body.params[position]:
            body.results.append(held.value)
            written.append(position)
    body.params += [content.value for _, _, content in tracer.captures]
    captures = tuple(array for array, _, _ in tracer.captures)
    arrays = [k for k, leaf in enumerate(signature.leaves) if leaf.type.is_array]
    apart = frozenset((w, k) for w in written if w is not None for k in arrays if k != w)
    return Traced(Function(name, body, tuple(written)), signature, out, captures, source, tuple(weak), tracer.reads, apart)


def has_static(tree: Tree) -> bool:
    return tree.kind == "static" or any(map(has_static, tree.children))
