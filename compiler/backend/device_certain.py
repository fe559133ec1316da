"""Checks within parallel loops that follow from extents are made once, by the host part, before anything is launched.

    for i in prange(n):                       check (n <= e.shape[0])     "assumed"
        e[index(i, e.shape[0])]        =>     for i in prange(n):
                                                  e[i]

A kernel without checks cannot fail: it is smaller, and a call need not wait for the device to hear how it went. Where what was
assumed does not hold, nothing has been done yet, and the runtime calls the program with its checks (runtime/offload.py): the
last trip may have been behind a `break`, and where not, the fault is raised at its place, after what comes before it.

Only where all checks of all parallel loops go: one that is left makes the call wait all the same. An index within an `if` is
left, since the condition may be what keeps it inside.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from wengert.compiler.backend.device_facts import launched
from wengert.compiler.backend.signs import Least
from wengert.compiler.backend.structure import Structure
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import rewrite
from wengert.compiler.ir.types import BOOL, I64
from wengert.compiler.passes.optimise.prune import prune

ASSUMED = "assumed"
"""The fault of a check of the host part that is no error: the program with all checks is to be called."""

_LARGEST = 1 << 40
"""What extents and given numbers are assumed to be at most, so that sums of them and small products are exact."""
_EXACT = 1 << 62
_DEEPEST = 40

Known = tuple[Value, int]
"""A number at the function's start, and what its size is at most."""


class _NotKnown(Exception):
    """It does not follow from what is known at the function's start."""


def assume_within(function: Function) -> Function:
    """The function itself where some check of a parallel loop depends on more than extents and given numbers."""
    loops = [op for op in launched(function.body) if op.attrs.get("parallel")]
    checks = [op for loop in loops for region in loop.regions for op in region.walk() if row_of(op).traps]
    if not checks:
        return function
    front = _Front(function)
    try:
        for op in checks:
            front.assume(op)
    except _NotKnown:
        return function
    gone = set(checks)

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op not in gone:
            return None
        return operands[: len(op.results)]  # an index and an extent as they are

    made = rewrite(Function(function.name, Block(function.params, [*front.block.ops, *function.body.ops], function.results),
                            function.written), replace)  # fmt: skip
    return prune(made)


class _Front:
    """Ops at the start of the function: the assumptions, and copies of what they are computed from."""

    def __init__(self, function: Function):
        self.block = Block()
        self._builder = Builder(self.block)
        self._structure = Structure(function)
        self._least = Least(self._structure)
        self._params = set(function.params)
        self._copies: dict[Value, Known] = {}
        self._made: dict[tuple[object, ...], Value] = {}
        self._numbers: dict[int, Value] = {}
        self._dims: dict[tuple[Value, int], Value] = {}
        self._checked: set[Value] = set()
        self._depth = 0

    def assume(self, op: Op) -> None:
        """That a check holds whenever it is reached. Raises _NotKnown."""
        block = self._structure.block_of[op]
        while (around := self._structure.around[block]) is not None:
            if around.name == "if":
                raise _NotKnown
            block = self._structure.block_of[around]
        if op.name == "index":
            index, extent = op.operands
            lowest = self._least.of(index)
            if lowest is None or lowest < 0:
                raise _NotKnown
            self._hold("less", self._highest(index)[0], self._here(extent)[0])
        elif op.name == "same_extent":
            a, b = (self._here(v)[0] for v in op.operands)
            self._hold("equal", a, b)
        elif op.name == "check":
            self._check(self._here(op.operands[0])[0])
        else:
            raise _NotKnown

    def _hold(self, name: str, a: Value, b: Value) -> None:
        self._check(self._emit(name, a, b))

    def _check(self, condition: Value) -> None:
        if condition not in self._checked:
            self._checked.add(condition)
            self._builder.op("check", (condition,), fault=ASSUMED, message="known at the start")

    def _emit(self, name: str, *operands: Value) -> Value:
        """Once for the same operands."""
        key = name, *operands
        if key not in self._made:
            self._made[key] = self._builder.emit(name, *operands)
        return self._made[key]

    def _integer(self, number: int) -> Value:
        if number not in self._numbers:
            self._numbers[number] = self._builder.integer(number)
        return self._numbers[number]

    # -- numbers at the function's start

    def _here(self, value: Value) -> Known:
        """The value itself, of which all that it is computed from is known at the start."""
        if value not in self._copies:
            self._copies[value] = self._nested(self._copied, value)
        return self._copies[value]

    def _copied(self, value: Value) -> Known:
        op, number = value.owner, constant_of(value)
        if not value.type.is_scalar or value.type.dtype not in (I64, BOOL):
            raise _NotKnown
        if number is not None:
            return (self._integer(number), abs(number)) if value.type.dtype is I64 else (self._builder.boolean(number), 1)
        if op is None:
            if value not in self._params:
                raise _NotKnown
            return self._leaf(value)
        if op.name == "dim":
            if op.operands[0] not in self._params:
                raise _NotKnown
            return self._leaf(self._dim(op.operands[0], op.attrs["axis"]))
        if op.name == "same_extent":
            return self._here(op.operands[0])
        if op.name in ("add", "subtract", "multiply", "minimum", "maximum", "negative") and value.type.dtype is I64:
            return self._combined(op.name, *(self._here(v) for v in op.operands))
        if op.name in _COMPARISONS and op.operands[0].type.dtype in (I64, BOOL):
            return self._emit(op.name, *(self._here(v)[0] for v in op.operands)), 1
        raise _NotKnown

    def _dim(self, array: Value, axis: int) -> Value:
        if (array, axis) not in self._dims:
            self._dims[array, axis] = self._builder.emit("dim", array, axis=axis)
        return self._dims[array, axis]

    def _leaf(self, value: Value) -> Known:
        if value.type.dtype is I64:
            for name, bound in (("less_equal", _LARGEST), ("greater_equal", -_LARGEST)):
                self._check(self._emit(name, value, self._integer(bound)))
        return value, _LARGEST

    def _combined(self, name: str, *operands: Known) -> Known:
        sizes = [size for _, size in operands]
        size = sizes[0] * sizes[1] if name == "multiply" else max(sizes) if name in ("minimum", "maximum") else sum(sizes)
        if size >= _EXACT:
            raise _NotKnown
        return self._emit(name, *(v for v, _ in operands)), size

    def _nested(self, find: Callable[[Value], Known], value: Value) -> Known:
        if self._depth >= _DEEPEST:
            raise _NotKnown
        self._depth += 1
        try:
            return find(value)
        finally:
            self._depth -= 1

    # -- the most that indices can be

    def _highest(self, value: Value) -> Known:
        """A number at the start that the value, which is never negative, does not exceed."""
        try:
            return self._here(value)
        except _NotKnown:
            return self._nested(self._bounded, value)

    def _bounded(self, value: Value) -> Known:
        op = value.owner
        if value.type.dtype is not I64 or value.type.is_array:
            raise _NotKnown
        if op is None:
            return self._last(value)
        if op.name in ("index", "wrap_index", "same_extent") and self._is_natural(op.operands[0]):
            return self._highest(op.operands[0])
        if op.name in ("add", "maximum"):
            return self._combined(op.name, *(self._highest(v) for v in op.operands))
        if op.name == "minimum":
            return self._either(*op.operands)
        if op.name == "subtract":
            return self._combined(op.name, self._highest(op.operands[0]), self._here(op.operands[1]))
        if op.name == "multiply" and all(self._is_natural(v) for v in op.operands):
            return self._combined(op.name, *(self._highest(v) for v in op.operands))
        raise _NotKnown

    def _either(self, *values: Value) -> Known:
        """The most that the least of the values can be."""
        known: list[Known] = []
        for v in values:
            with suppress(_NotKnown):
                known.append(self._highest(v))
        if not known:
            raise _NotKnown
        return known[0] if len(known) == 1 else self._combined("minimum", *known)

    def _is_natural(self, value: Value) -> bool:
        least = self._least.of(value)
        return least is not None and least >= 0

    def _last(self, index: Value) -> Known:
        """Of the index of a loop."""
        block = self._structure.home[index]
        loop = self._structure.around[block]
        if loop is None or loop.name != "for" or index is not block.params[0]:
            raise _NotKnown
        low, high, step = loop.operands[:3]
        by = constant_of(step)
        if by is None or by == 0:
            raise _NotKnown
        return self._combined("subtract", self._highest(high), (self._integer(1), 1)) if by > 0 else self._highest(low)


_COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "bitwise_and", "bitwise_or", "invert")
