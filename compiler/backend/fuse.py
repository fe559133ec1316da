"""Which arrays are stored. All others are virtual: their elements are computed where they are read.

    %1 = multiply %x, %y : f64[?]        virtual: read once, by %2
    %2 = add %1, %z : f64[?]             virtual: read once, by the sum        one loop over x, y, z
    %3 = sum %2 : f64

An array is stored where something needs it in memory (it is updated, returned, carried by a loop, multiplied as a
matrix), or where computing its elements again would cost more than keeping them: it is read from several loops, repeated
by a broadcast, or read in a loop that it is defined outside of.
"""

from __future__ import annotations

from wengert.compiler.backend.structure import Structure, Use
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY

CHEAP = 2
"""The cost up to which elements are computed again rather than stored."""
TWICE = 6
"""The same for elements that two loops at function level read, which take less time than a pass over memory."""
LARGEST = 300
"""The cost of an element above which it is not fused further into its reader."""
MOST_READERS = 3

Reader = tuple[Op, tuple[Op, ...]]
"""The op that evaluates elements, and the views and repeats on the way to it: each different pair evaluates anew."""


def is_virtual_kind(op: Op) -> bool:
    """Whether elements of the op's result can be computed one by one where they are read."""
    if len(op.results) != 1 or op.result.type.is_scalar:
        return False
    return REGISTRY[op.name].kind in ("elementwise", "view") or op.name in ("iota", "reshape")


def is_fill(value: Value) -> bool:
    """Whether the array repeats one number: writing it again costs less than copying it."""
    op = value.owner
    return op is not None and op.name == "broadcast" and op.operands[0].type.is_scalar


def is_undefined(value: Value) -> bool:
    """Whether the elements need not be stored: none is read before it is written."""
    return is_fill(value) and value.owner is not None and bool(value.owner.attrs.get("undefined"))


def op_cost(op: Op) -> int:
    """Rough cost of one element in additions; views and conversions of index numbers are free."""
    row = REGISTRY[op.name]
    if row.kind != "elementwise":
        return 0
    if row.call is not None and op.operands[0].type.dtype.kind == "f" and not row.instruction:
        return 1 if row.call[0] in ("fabs", "copysign", "floor", "ceil", "trunc", "rint") else 6 if row.call[0] == "sqrt" else 20
    return 4 if op.name in ("divide", "truncated_divide", "fmod") else 1


def stored_values(function: Function, structure: Structure) -> set[Value]:
    """The arrays that get a buffer."""
    return _Fuser(function, structure).run()


class _Fuser:
    def __init__(self, function: Function, structure: Structure):
        self.function, self.structure = function, structure
        self.cost: dict[Value, int] = {}
        self.stored: set[Value] = {p for p in structure.home if p.owner is None and p.type.is_array}
        self.readers: dict[Value, set[Reader] | None] = {}

    def run(self) -> set[Value]:
        for op in self.structure.ops:
            for v in op.results:
                if v.type.is_array and not is_virtual_kind(op):
                    self.stored.add(v)
            if is_virtual_kind(op):
                self.cost[op.result] = op_cost(op) + sum(self.cost.get(v, 0) for v in set(op.operands))
        for op in reversed(self.structure.ops):
            if not is_virtual_kind(op):
                continue
            readers = self._readers(op.result)
            if readers is None or self._pays(op.result, readers):
                self.stored.add(op.result)
        return self.stored

    def _readers(self, value: Value) -> set[Reader] | None:
        """Who computes elements of a virtual value; None where something needs it in memory."""
        readers: set[Reader] = set()
        for use in self.structure.uses[value]:
            found = self._readers_of_use(use)
            if found is None:
                return None
            readers |= found
        self.readers[value] = readers
        return readers

    def _readers_of_use(self, use: Use) -> set[Reader] | None:
        op = use.op
        if op is None:
            return None
        if op.name == "dim":
            return set()
        kind = REGISTRY[op.name].kind
        if kind == "update" and use.index == 0 and op.name != "grow" and is_fill(op.operands[0]):
            return {(op, ())}
        if kind == "control" or (kind == "update" and use.index == 0):
            return None
        if kind == "contract" and self.cost[op.operands[use.index]] > 0 and any(v.type.rank > 1 for v in op.operands):
            return None  # elements of a matrix are read many times
        if op.name == "load":
            return {(op, ())}
        if not is_virtual_kind(op) or op.result in self.stored:
            return {(op, ())}
        if op.name == "reshape" and self.cost[op.operands[0]] > 0:
            return None
        inner = self.readers[op.result]
        assert inner is not None
        if REGISTRY[op.name].kind == "elementwise":
            return inner
        return {(root, (*path, op)) for root, path in inner}

    def _pays(self, value: Value, readers: set[Reader]) -> bool:
        cost = self.cost[value]
        if cost == 0:
            return False
        if cost > LARGEST:
            return True
        home = self.structure.home[value]
        for root, path in readers:
            if self.structure.loops_between(self.structure.block_of[root], home):
                return True
            if cost > CHEAP and any(_repeats(op) for op in path):
                return True
        cheap = TWICE if len(readers) == 2 and home is self.function.body else CHEAP
        return len(readers) > 1 and (cost > cheap or len(readers) > MOST_READERS)


def _repeats(op: Op) -> bool:
    if op.name != "broadcast" or op.operands[0].type.is_scalar:
        return False
    return op.result.type.rank > op.operands[0].type.rank or 1 in op.operands[0].type.shape
