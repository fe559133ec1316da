"""What is known of the ops that kernels are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import row_of


def apart(region: Block) -> tuple[list[Op], list[Op]]:
    """(ops that are the same in every trip, their checks included, the others): LLVM leaves a check, and what comes after it,
    in its loop."""
    changing, steady = set(region.params), list[Op]()
    rest = list[Op]()
    for op in region.ops:
        if op.regions or op.name == "check" or changing & set(op.operands):
            changing |= set(op.results)
            rest.append(op)
        else:
            steady.append(op)
    return steady, rest


_PLAIN = ("index", "wrap_index", "load", "dim", "constant")


def is_plain(op: Op) -> bool:
    """Whether an op of an iteration computes a scalar, and may be done again by another thread."""
    if op.regions:
        return False
    scalars = all(v.type.is_scalar for v in (*op.operands, *op.results))
    return op.name in _PLAIN or (row_of(op).kind in ("elementwise", "source") and scalars)


def plain_index(index: Value) -> Value:
    """An index without the checks around it, which change nothing within the range."""
    while index.owner is not None and index.owner.name in ("index", "wrap_index"):
        index = index.owner.operands[0]
    return index


def made_by(values: Iterable[Value], ops: Sequence[Op]) -> list[Op]:
    """Those of the ops that the values are made by, in order."""
    wanted, found = set(values), list[Op]()
    for op in reversed(ops):
        if not wanted.isdisjoint(op.results):
            found.insert(0, op)
            wanted.update(op.operands)
    return found


def launched(block: Block) -> Iterator[Op]:
    """The ops of the host part, not those within parallel loops."""
    for op in block.ops:
        yield op
        if not op.attrs.get("parallel"):
            for region in op.regions:
                yield from launched(region)
