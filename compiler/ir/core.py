"""The nodes of the IR: values, ops, blocks, functions.

    function ::= params, body block                      the block's results are what it returns
    block    ::= params, ops in order, results           every value is defined once, before its uses
    op       ::= name, operands, attributes, regions (blocks), results, span, role

Arrays are values: nothing is ever written. `update a, v, i` is a new array that differs from `a` in one element;
turning it into a store in place is the back end's work (bufferise). A region sees the values of the blocks around it.
Nodes are never changed after they are built: a pass builds a new function (see rewrite.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.diag.span import Span
from wengert.compiler.ir.types import Type

ROLES = ("primal", "tangent", "adjoint", "tape", "again")
"""What an op is there for: the user's own computation, forward derivatives, reverse derivatives, saving for them, or doing
the user's own computation once more in the reverse sweep."""
AS_WRITTEN = ("primal", "again")
"""Roles of ops whose floating-point results no pass may change: what is computed again is compared with what was kept (the
maximum of an array with its elements), and decides the same branches."""


@dataclass(slots=True, eq=False)
class Value:
    """One SSA value. `owner` is the op it results from, or None for a block parameter; `hint` names it in prints."""

    type: Type
    hint: str = ""
    owner: Op | None = None

    def __repr__(self) -> str:
        return f"%{self.hint or '_'}: {self.type}"


@dataclass(slots=True, eq=False)
class Op:
    name: str
    operands: tuple[Value, ...]
    attrs: Mapping[str, Any]
    regions: tuple[Block, ...] = ()
    results: tuple[Value, ...] = ()
    span: Span | None = None
    role: str = "primal"

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def __repr__(self) -> str:
        return f"<{self.name} {self.operands} {dict(self.attrs)} -> {self.results}>"


@dataclass(slots=True, eq=False)
class Block:
    params: list[Value] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)

    def walk(self) -> Iterator[Op]:
        """Every op in it, outer before inner, in order."""
        for op in self.ops:
            yield op
            for region in op.regions:
                yield from region.walk()


@dataclass(slots=True, eq=False)
class Function:
    """`written[k]` is the parameter whose buffer result `k` is written back to, None for an ordinary result.

    Results written back come last, in the order of their parameters.
    """

    name: str
    body: Block
    written: tuple[int | None, ...] = ()

    def __post_init__(self) -> None:
        if not self.written:
            self.written = (None,) * len(self.body.results)

    @property
    def params(self) -> list[Value]:
        return self.body.params

    @property
    def results(self) -> list[Value]:
        return self.body.results

    def walk(self) -> Iterator[Op]:
        return self.body.walk()


def constant_of(value: Value) -> Any | None:
    """The Python number a value is known to be (result of a `constant`), else None."""
    op = value.owner
    return op.attrs["value"] if op is not None and op.name == "constant" else None


def free_values(block: Block) -> list[Value]:
    """The values used in `block` (and regions within) but defined outside it, in order of first use."""
    defined: set[Value] = set()
    free: dict[Value, None] = {}

    def visit(b: Block) -> None:
        defined.update(b.params)
        for op in b.ops:
            for v in op.operands:
                if v not in defined:
                    free[v] = None
            for r in op.regions:
                visit(r)
            defined.update(op.results)
        for v in b.results:
            if v not in defined:
                free[v] = None

    visit(block)
    return list(free)
